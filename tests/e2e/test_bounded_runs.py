"""A run takes no new row when its time is over: what is left waits, is counted, and is nobody's failure."""

from __future__ import annotations

from datetime import timedelta

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


def test_in_a_dag_of_ones_own_nothing_is_triggered(warehouse: Warehouse) -> None:
    from tests.e2e.airflow_runs import find_dag

    assert "kombo_push.next" not in find_dag("team_dag_with_kombo_push").task_ids
    assert find_dag("kombo_push_applicants").get_task("next").downstream_task_ids == set()
