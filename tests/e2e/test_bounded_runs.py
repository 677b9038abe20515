"""A run takes no new row when its time is over: what is left waits, is counted, and is nobody's failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import create_engine

from kombo_provider.ledger import Ledger, RunRef, leases
from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import GREENHOUSE, PERSONIO, WORKDAY, MakesPipelines, Warehouse, run_dag


def test_what_a_run_has_no_time_for_is_left_and_the_next_run_sends_it(
    warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    sandbox.config(latency_seconds=1.5, concurrency_limit=1)
    for number in range(12):
        warehouse.add(number)
    dag_id = pipeline(run_for=timedelta(seconds=5))
    first = run_dag(dag_id)
    assert first.state == "success", first.errors
    statuses = warehouse.statuses()
    assert set(statuses) == {"delivered", "ready"}
    assert first.xcom("deliver", "left", map_index=0) == {GREENHOUSE: statuses["ready"]}
    assert first.task_states["next"] == "skipped", "dag.test() has no scheduler that would run it"
    sandbox.config(latency_seconds=0)
    again = run_dag(dag_id)
    assert again.state == "success", again.errors
    assert warehouse.statuses() == {"delivered": 12}
    assert set(sandbox.creates().values()) == {1}


def test_short_lanes_come_first(warehouse: Warehouse, sandbox: Sandbox) -> None:
    rows = {WORKDAY: 3, GREENHOUSE: 1, PERSONIO: 2}
    for lane, (integration_id, count) in enumerate(rows.items()):
        for number in range(count):
            warehouse.add(10 * lane + number, integration_id=integration_id)
    named = [str(name) for name in run_dag().names_of_mapped("deliver")]
    assert [name.partition(": ")[0] for name in named] == [GREENHOUSE, PERSONIO, WORKDAY]


def test_a_lane_that_is_paused_when_the_time_is_over_is_no_less_red(
    warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    sandbox.faults([{"kind": "write_reset"}])
    for number in range(60):
        warehouse.add(number)
    run = run_dag(pipeline(run_for=timedelta(seconds=8)))
    assert run.state == "failed"
    assert type(run.errors["deliver[0]"]).__name__ == "TurnOverError"
    assert run.task_states["next"] == "skipped"


def test_what_waits_on_the_lane_of_another_run_is_left_to_it_and_the_others_are_written_back(
    warehouse: Warehouse,
) -> None:
    """Before, the run waited for that lane, and so did the ids of everyone else."""
    warehouse.add(1, integration_id=GREENHOUSE)
    warehouse.add(2, integration_id=WORKDAY)
    with _lane_of_another_run(warehouse, WORKDAY):
        run = run_dag()
    assert run.state == "success", run.errors
    assert run.xcom("report", "report")["by_integration"] == {GREENHOUSE: {"delivered": 1}, WORKDAY: {"left": 1}}
    assert run.task_states["next"] == "skipped", "the other run is continued"
    assert run_dag().state == "success"
    assert warehouse.statuses() == {"delivered": 2}


@contextmanager
def _lane_of_another_run(warehouse: Warehouse, integration_id: str) -> Iterator[None]:
    """Hold a lane for a turn of many minutes, as a living run of the same source does."""
    ledger, done = Ledger(create_engine(f"sqlite:///{warehouse.path}")), threading.Event()
    ledger.ensure()
    with ledger.transaction() as conn:
        run, turn = RunRef("another", "run"), leases.Turn(2400.0)
        lease = leases.acquire(
            conn, "kombo_default", integration_id, "another", run, serves="demo.applicants", turn=turn
        )
    assert lease

    def live() -> None:
        while not done.wait(1.0):
            with ledger.transaction() as conn:
                leases.renew(conn, [lease], "another")

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        with ledger.transaction() as conn:
            leases.release(conn, lease, "another")
        ledger.close()


def test_runs_of_a_push_overlap_and_the_first_one_s_tasks_come_first() -> None:
    from tests.e2e.airflow_runs import find_dag

    dag = find_dag("kombo_push_applicants")
    assert dag.max_active_runs == 3
    assert {str(task.weight_rule) for task in dag.tasks} == {"upstream"}, "what comes last weighs most"


def test_in_a_dag_of_ones_own_nothing_is_triggered(warehouse: Warehouse) -> None:
    from tests.e2e.airflow_runs import find_dag

    assert "kombo_push.next" not in find_dag("team_dag_with_kombo_push").task_ids
    assert find_dag("kombo_push_applicants").get_task("next").downstream_task_ids == set()
