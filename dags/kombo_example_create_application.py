"""Airflow DAG: an example, one applicant of the demo warehouse into Kombo as an application.

A run's params are stored by Airflow and shown in its UI, so they name the applicant by id and hold nothing else of
the person. The request body is fetched from the warehouse by a function that runs inside the task.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, BaseHook, Context, Param, task
from sqlalchemy import text

from kombo_provider.operators import KomboCreateApplicationOperator


def read_one(query: str, applicant_id: str) -> dict[str, Any]:
    """Return the applicant's columns; an error of the database would be raised without the row's contents."""
    engine = BaseHook.get_hook("warehouse_default").get_sqlalchemy_engine(engine_kwargs={"hide_parameters": True})
    with engine.connect() as connection:
        row = connection.execute(text(query), {"applicant_id": applicant_id}).mappings().first()
    if row is None:
        raise LookupError(f"The table applicants has no row with applicant_id {applicant_id!r}.")
    return dict(row)


@task
def find(params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return where the applicant applies: ids only, because Airflow stores what a task returns."""
    ids = "SELECT integration_id, job_id FROM applicants WHERE applicant_id = :applicant_id"
    return read_one(ids, (params or {})["applicant_id"])


def fetch_body(context: Context) -> dict[str, Any]:
    """Return Kombo's request body; empty values may stay in it."""
    person = read_one("SELECT * FROM applicants WHERE applicant_id = :applicant_id", context["params"]["applicant_id"])
    return {
        "candidate": {
            "first_name": person["candidate__first_name"],
            "last_name": person["candidate__last_name"],
            "email_address": person["candidate__email_address"],
            "location": {
                "country": person["candidate__location__country"],
                "city": person["candidate__location__city"],
            },
        },
        "attachments": person["attachments"],
    }


with DAG(
    dag_id="kombo_example_create_application",
    schedule=None,
    params={"applicant_id": Param("A-10001", type="string", description="A row of the demo's table applicants")},
    doc_md=__doc__,
    tags=["kombo", "example"],
) as dag:
    found = find()
    KomboCreateApplicationOperator(
        task_id="create_application",
        source="demo.applicants",  # the same as kombo_push_applicants: what one has sent, the other never sends again
        applicant_id="{{ params.applicant_id }}",
        integration_id=found["integration_id"],  # type: ignore[index]
        job_id=found["job_id"],  # type: ignore[index]
        body=fetch_body,
    )
