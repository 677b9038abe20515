"""The push as a task group, the other endpoint, the transform, Jinja in the SELECT, and the asset for what follows."""

from __future__ import annotations

from typing import Any

import pytest

from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import MakesPipelines, Run, Warehouse, run_dag


def test_a_push_between_other_tasks_on_the_endpoint_for_candidates(
    warehouse: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_APPLICANTS_TABLE", "applicants")
    warehouse.add(1, candidate__first_name="grace")
    warehouse.add(2, candidate__first_name="edsger", job_id="remote:JR-1")
    run = run_dag("team_dag_with_kombo_push")
    assert run.state == "success", run.errors
    assert set(run.task_states) == {
        "dbt",
        "kombo_push.stage",
        "kombo_push.deliver",
        "kombo_push.write_back",
        "kombo_push.report",
        "mart",
    }
    assert run.xcom("mart") == "read"
    assert sandbox.stats()["by_route"].get("POST /ats/candidates") == 2
    assert warehouse.execute("SELECT DISTINCT endpoint, source FROM kombo_deliveries") == [
        ("candidate", "team.applicants")
    ]
    ids = "kombo_application_id, kombo_application_remote_id, kombo_candidate_id, kombo_candidate_remote_id"
    written = warehouse.execute(f"SELECT applicant_id, {ids} FROM applicants ORDER BY 1")
    assert written == warehouse.execute(f"SELECT applicant_id, {ids} FROM kombo_applicant_ids ORDER BY 1")
    assert all(all(row) for row in written)
    assert run_dag("team_dag_with_kombo_push").xcom("kombo_push.report")["requests"] == 0


def test_a_failing_push_stops_what_follows(
    warehouse: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_APPLICANTS_TABLE", "applicants")
    warehouse.add(1)
    sandbox.config(status="INACTIVE")
    run = run_dag("team_dag_with_kombo_push")
    assert run.state == "failed"
    assert run.task_states["mart"] == "upstream_failed"
    assert "Tasks failed: kombo_push.deliver" in run.message("kombo_push.report")


def test_the_transform_changes_what_is_sent(
    warehouse: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_APPLICANTS_TABLE", "applicants")
    warehouse.add(1, candidate__first_name="grace")
    sandbox.config(status="INACTIVE")
    run_dag("team_dag_with_kombo_push")
    payload = warehouse.execute("SELECT payload FROM kombo_deliveries")[0][0]
    assert '"first_name":"Grace"' in payload


def test_a_variable_that_is_not_there_is_named(warehouse: Warehouse) -> None:
    run = run_dag("team_dag_with_kombo_push")
    assert "applicants_table" in run.message("kombo_push.stage")
    assert run.task_states["mart"] == "upstream_failed"


def test_the_asset_is_updated_by_runs_that_wrote_something_and_by_no_others(
    warehouse: Warehouse, pipeline: MakesPipelines
) -> None:
    warehouse.add(1)
    assert [event["written"] for event in _events(run_dag())] == [1]
    assert _events(run_dag()) == []
    warehouse.add(2)
    assert _events(run_dag(pipeline(write_back_table=None))) == []
    assert warehouse.statuses() == {"delivered": 2}
    assert [event["written"] for event in _events(run_dag())] == [1], "its ids go into the table by the other pipeline"


def _events(run: Run) -> list[dict[str, Any]]:
    """What the run's events of the asset say."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = (
        select(AssetEvent)
        .join(AssetModel, AssetEvent.asset_id == AssetModel.id)
        .where(AssetModel.name == "kombo_applicant_ids", AssetEvent.source_run_id == run.run_id)
    )
    with create_session() as session:
        return [event.extra for event in session.scalars(query)]
