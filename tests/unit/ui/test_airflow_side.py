"""What the page learns from Airflow's own database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState

from kombo_provider.ui.airflow_side import watch_state

pytestmark = pytest.mark.usefixtures("_airflow_database")

PERIOD = timedelta(minutes=10)


def add_dag(dag_id: str, *, ran_at: datetime, state: DagRunState, is_paused: bool = False) -> None:
    """Have Airflow know a DAG that ran once, and runs again after its period."""
    with create_session() as session:
        session.merge(DagBundleModel(name="watches"))
        session.flush()
        due = ran_at + PERIOD
        session.merge(DagModel(dag_id=dag_id, is_paused=is_paused, bundle_name="watches", next_dagrun_create_after=due))
        session.flush()
        run = DagRun(dag_id=dag_id, run_id="once", run_after=ran_at, run_type="scheduled", state=state)
        run.end_date = ran_at
        session.add(run)


@pytest.mark.parametrize(
    ("minutes_ago", "run_state", "expected"),
    [
        (15, DagRunState.SUCCESS, "on"),
        (35, DagRunState.SUCCESS, "on"),
        (45, DagRunState.SUCCESS, "late"),
        (45, DagRunState.FAILED, "late"),
        (5, DagRunState.FAILED, "on"),
    ],
)
def test_a_watch_is_late_half_an_hour_after_it_should_have_looked(
    minutes_ago: int, run_state: DagRunState, expected: str
) -> None:
    name, at = f"watch_{minutes_ago}_{run_state}", datetime.now(UTC) - timedelta(minutes=minutes_ago)
    add_dag(name, ran_at=at, state=run_state)
    found = watch_state([name])
    assert found == {"state": expected, "since": at.isoformat() if expected == "late" else None}


def test_one_watch_that_is_on_is_enough_and_none_is_missing() -> None:
    at = datetime.now(UTC)
    add_dag("watch_on", ran_at=at, state=DagRunState.SUCCESS)
    add_dag("watch_paused", ran_at=at, state=DagRunState.SUCCESS, is_paused=True)
    assert watch_state(["watch_paused"])["state"] == "paused"
    assert watch_state(["watch_paused", "watch_on"])["state"] == "on"
    assert watch_state([])["state"] == "missing"
