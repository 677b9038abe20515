"""An Airflow DAG of another team, with a push between its own tasks."""

from __future__ import annotations

import pandas as pd
from airflow.sdk import DAG, task

from kombo_provider.pipeline import kombo_push


def greet(frame: pd.DataFrame) -> pd.DataFrame:
    """Do what SQL cannot: here, title-case the names."""
    frame["candidate__first_name"] = frame["candidate__first_name"].str.title()
    return frame


with DAG(dag_id="team_dag_with_kombo_push", schedule="@daily"):

    @task
    def dbt() -> str:
        """Stand for what fills the source."""
        return "filled"

    @task
    def mart() -> str:
        """Stand for what reads the ids."""
        return "read"

    push = kombo_push(
        source="team.applicants",
        extract_sql="""
            SELECT applicant_id, job_id, integration_id, candidate__first_name, candidate__last_name,
                   candidate__email_address
            FROM {{ var.value.applicants_table }}
            WHERE applicant_id <> '{{ dag.dag_id }}'
        """,
        write_back_table="applicants",
        endpoint="candidate",
        transform=greet,
    )
    dbt() >> push >> mart()
