"""Under a real scheduler: what a run leaves is sent at once by the next one, and nothing spins where nothing moves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from include.demo.environment import DAG_ID
from kombo_provider.operators.next import next_run_id
from tests.conftest import ROOT
from tests.ui.conftest import RunningAirflow, running_airflow, wait_until
from tests.ui.fairness import add, empty, write_pipeline

DAG_FILE = f'''"""Airflow DAG: runs of a few seconds, on no schedule."""

from datetime import timedelta

from kombo_provider.pipeline import kombo_push_dag

dag = kombo_push_dag(
    dag_id="{DAG_ID}",
    source="demo.applicants",
    extract_sql="{ROOT}/include/sql/extract_applicants.sql",
    write_back_table="applicants",
    schedule=None,
    run_for=timedelta(seconds=6),
)
'''
MONTHLY, MONTHS = "kombo_push_monthly", "months"
CHAIN_SECONDS = 400
QUIET_SECONDS = 8


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAirflow]:
    folder = tmp_path_factory.mktemp("bounded")
    dags = folder / "dags"
    dags.mkdir()
    (dags / "bounded.py").write_text(DAG_FILE)
    monthly = 'schedule="@monthly", first_run="from_now", run_for=timedelta(seconds=6)'
    write_pipeline(dags, MONTHLY, monthly, table=MONTHS)
    with running_airflow(
        folder,
        dags=dags,
        sandbox_settings={"latency_seconds": 0.8, "accept_unknown_jobs": True},
        prepare=lambda warehouse: empty(warehouse, MONTHS),
        schedule=True,
    ) as running:
        yield running


def _add(airflow: RunningAirflow, integration_id: str, rows: int) -> None:
    for number in range(rows):
        airflow.execute(
            "INSERT INTO applicants (applicant_id, integration_id, job_id, changed_at, candidate__first_name, "
            "candidate__last_name, candidate__email_address) VALUES (?, ?, 'j', ?, 'Ada', 'Applicant', ?)",
            (str(uuid4()), integration_id, datetime.now(UTC).isoformat(sep=" "), f"ada-{number}@example.com"),
        )


def _statuses(airflow: RunningAirflow, integration_id: str) -> dict[str, int]:
    if not airflow.execute("SELECT 1 FROM sqlite_master WHERE name = 'kombo_deliveries'"):
        return {}
    query = "SELECT status, count(*) FROM kombo_deliveries WHERE integration_id = ? GROUP BY status"
    return dict(airflow.execute(query, (integration_id,)))


def _runs(airflow: RunningAirflow, first: str = "", dag_id: str = DAG_ID) -> list[dict[str, Any]]:
    """Return a run and those that continue it, in their order."""
    found = airflow.get(f"/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
    return sorted((run for run in found if run["dag_run_id"].endswith(first)), key=lambda run: run["queued_at"])


def test_what_is_left_is_sent_by_runs_that_follow_at_once_whatever_becomes_of_a_red_lane(
    airflow: RunningAirflow,
) -> None:
    slow, red = f"ats:slow-{uuid4()}", f"ats:red-{uuid4()}"
    _add(airflow, slow, 30)
    _add(airflow, red, 3)
    airflow.sandbox.config(per_integration={slow: {"concurrency_limit": 3}, red: {"status": "INACTIVE"}})
    first = airflow.trigger(DAG_ID, {"integration_ids": [slow, red], "window": "all"})
    wait_until(lambda: _statuses(airflow, slow) == {"delivered": 30}, "rows were left for good", CHAIN_SECONDS)
    wait_until(lambda: all(r["state"] in ("failed", "success") for r in _runs(airflow, first)), "a run hangs")
    runs = _runs(airflow, first)
    assert [run["dag_run_id"] for run in runs[1:]] == [f"next_{n}__{first}" for n in range(1, len(runs))]
    assert len(runs) > 1
    assert all(run["conf"] == {"integration_ids": [red, slow]} for run in runs[1:])
    assert all(run["logical_date"] is None for run in runs[1:])
    assert runs[0]["state"] == "failed", "the red lane's"
    assert _statuses(airflow, red) == {"ready": 3}
    counts = [count for (at, _, _), count in airflow.sandbox.creates().items() if at == slow]
    assert counts == [1] * 30


def test_two_runs_of_one_backlog_are_each_green_and_every_further_one_follows_a_run_that_sent(
    airflow: RunningAirflow,
) -> None:
    lane = f"ats:shared-{uuid4()}"
    _add(airflow, lane, 40)
    airflow.sandbox.config(per_integration={lane: {"concurrency_limit": 3}})
    firsts = [airflow.trigger(DAG_ID, {"integration_ids": [lane], "window": "all"}) for _ in range(2)]
    wait_until(lambda: _statuses(airflow, lane) == {"delivered": 40}, "rows were left for good", CHAIN_SECONDS)

    def runs() -> list[dict[str, Any]]:
        return [run for first in firsts for run in _runs(airflow, first)]

    wait_until(lambda: all(r["state"] in ("failed", "success") for r in runs()), "a run hangs", CHAIN_SECONDS)
    assert {run["state"] for run in runs()} == {"success"}, "rows that the other run sends are nobody's failure"
    sent = dict(
        airflow.execute(
            "SELECT run_id, count(*) FROM kombo_delivery_events WHERE integration_id = ? AND to_status = 'delivered' "
            "GROUP BY run_id",
            (lane,),
        )
    )
    ids = {run["dag_run_id"] for run in runs()}
    assert all(next_run_id(run_id) not in ids or sent.get(run_id) for run_id in ids), "a run that sent nothing went on"
    assert [count for (at, _, _), count in airflow.sandbox.creates().items() if at == lane] == [1] * 40


def test_nothing_spins_where_all_lanes_are_paused(airflow: RunningAirflow) -> None:
    dead = f"ats:dead-{uuid4()}"
    _add(airflow, dead, 60)
    airflow.sandbox.faults([{"kind": "write_reset"}])
    try:
        first = airflow.trigger(DAG_ID, {"integration_ids": [dead], "window": "all"})
        assert airflow.wait_for(first) == "failed"
        assert _statuses(airflow, dead)["ready"] > 0
        time.sleep(QUIET_SECONDS)
    finally:
        airflow.sandbox.clear_faults()
    assert [run["dag_run_id"] for run in _runs(airflow, first)] == [first]
    states = {task["task_id"]: task["state"] for task in airflow.tasks(first)}
    assert states["next"] == "success"
    assert states["deliver"] == "failed"


def test_what_a_backfill_leaves_is_sent_by_ordinary_runs_that_follow_at_once(airflow: RunningAirflow) -> None:
    lane, month = f"ats:old-{uuid4()}", datetime.now(UTC).replace(day=1) - timedelta(days=100)
    airflow.sandbox.config(per_integration={lane: {"concurrency_limit": 3}})
    airflow.call("PATCH", f"/dags/{MONTHLY}", {"is_paused": False}).raise_for_status()
    wait_until(lambda: _states(airflow, MONTHLY) == ["success"], "no run on schedule made the watermark", CHAIN_SECONDS)
    emails = [f"old-{number}@example.com" for number in range(30)]
    add(airflow.files.warehouse, [(lane, email) for email in emails], at=month.replace(day=15), table=MONTHS)
    interval = {name: month.replace(day=1).date().isoformat() + "T00:00:00Z" for name in ("from_date", "to_date")}
    airflow.call("POST", "/backfills", {"dag_id": MONTHLY, "dag_run_conf": {}, **interval}).raise_for_status()
    wait_until(lambda: _statuses(airflow, lane) == {"delivered": 30}, "rows were left for good", CHAIN_SECONDS)
    wait_until(lambda: set(_states(airflow, MONTHLY)) == {"success"}, "a run hangs", CHAIN_SECONDS)
    (first,) = [run["dag_run_id"] for run in _runs(airflow, dag_id=MONTHLY) if run["run_type"] == "backfill"]
    runs = _runs(airflow, first, MONTHLY)
    assert [run["dag_run_id"] for run in runs[1:]] == [f"next_{n}__{first}" for n in range(1, len(runs))]
    assert len(runs) > 1
    assert all(run["run_type"] != "backfill" and run["logical_date"] is None for run in runs[1:])
    assert [count for (at, _, _), count in airflow.sandbox.creates().items() if at == lane] == [1] * 30


def _states(airflow: RunningAirflow, dag_id: str) -> list[str]:
    return [run["state"] for run in _runs(airflow, dag_id=dag_id)]
