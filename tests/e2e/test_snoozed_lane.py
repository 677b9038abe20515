"""P6: a run passes over the one lane that a person snoozed, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import GREENHOUSE, PERSONIO, Warehouse, run_dag
from tests.e2e.test_command_line import call

TOMORROW = datetime.now(UTC) + timedelta(days=1)


def test_runs_are_green_while_the_broken_lane_is_snoozed_and_deliver_to_it_once_it_works_again(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    warehouse.add(1, integration_id=PERSONIO)
    sandbox.config(per_integration={PERSONIO: {"status": "INVALID"}})
    assert run_dag().state == "failed"
    call("lanes", action="snooze", integration_id=PERSONIO, until=TOMORROW, because="the customer knows")

    alone = run_dag()
    assert alone.state == "success", alone.errors
    assert alone.task_states["deliver"] == "skipped", "it had no other lane"
    assert alone.task_states["report"] == "success"

    warehouse.add(2, integration_id=GREENHOUSE)
    warehouse.add(3, integration_id=PERSONIO)
    beside = run_dag()
    assert beside.state == "success", beside.errors
    assert warehouse.status_of("a-2") == "delivered"
    assert warehouse.status_of("a-3") == "ready"
    assert beside.xcom("report", "report")["by_status"] == {"delivered": 1, "snoozed": 2}

    sandbox.config(per_integration={PERSONIO: {"status": "ACTIVE"}})
    repaired = run_dag()
    assert repaired.state == "success", repaired.errors
    assert warehouse.statuses() == {"delivered": 3}
    assert set(sandbox.creates().values()) == {1}
