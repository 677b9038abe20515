"""*Rendered Templates* of `stage` shows the SQL that ran, unless the pipeline hides it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import MakesPipelines, Run, Warehouse, run_dag

SELECT = (
    "SELECT applicant_id, integration_id, job_id, candidate__first_name, candidate__last_name, candidate__email_address"
    " FROM {{ 'appli' ~ 'cants' }}"
)


def rendered(run: Run) -> dict[str, str]:
    """Return what Airflow keeps of the task's rendered fields."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.utils.session import create_session
    from sqlalchemy import select

    fields = RenderedTaskInstanceFields
    query = select(fields.rendered_fields).where(
        fields.dag_id == run.dag_run.dag_id, fields.run_id == run.dag_run.run_id, fields.task_id == "stage"
    )
    with create_session() as session:
        return dict(session.scalars(query).one())


def test_the_sql_that_ran_is_shown(warehouse: Warehouse, pipeline: MakesPipelines) -> None:
    warehouse.add(1)
    run = run_dag(pipeline(extract_sql=SELECT))
    assert run.state == "success", run.errors
    assert rendered(run)["sql"].endswith("FROM applicants")
    assert rendered(run)["source"] == "demo.applicants"


def test_the_sql_that_failed_is_shown(warehouse: Warehouse, pipeline: MakesPipelines) -> None:
    run = run_dag(pipeline(extract_sql=SELECT.replace("appli", "no_appli")))
    assert run.state == "failed"
    assert rendered(run)["sql"].endswith("FROM no_applicants")


def test_a_pipeline_may_hide_its_sql(warehouse: Warehouse, pipeline: MakesPipelines) -> None:
    run = run_dag(pipeline(extract_sql=SELECT, show_sql=False))
    assert run.state == "success", run.errors
    assert rendered(run).get("sql") in (None, "None")


@pytest.mark.parametrize("folder", ["here", "here/below"])
def test_a_sql_file_is_found_where_the_argument_says(
    warehouse: Warehouse, pipeline: MakesPipelines, tmp_path: Path, folder: str
) -> None:
    warehouse.add(1)
    (tmp_path / "here" / "below").mkdir(parents=True)
    (tmp_path / "here" / "mine.sql").write_text(SELECT)
    run = run_dag(pipeline(extract_sql="mine.sql", sql_folder=str(tmp_path / folder)))
    assert run.state == "success", run.errors
    assert warehouse.delivered() == {"a-1"}
