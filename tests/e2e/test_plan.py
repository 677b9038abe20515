"""Before a backfill: rows, integrations and hours, and nothing is sent."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.demo.environment import DAG_ID
from kombo_provider.cli.planning import plan
from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import GREENHOUSE, WORKDAY, Warehouse, run_dag

NOW = datetime.now(UTC)


def _plan(capsys: pytest.CaptureFixture[str], **given: Any) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    interval = {"from_date": NOW - timedelta(days=2), "to_date": NOW + timedelta(days=1)}
    plan(Namespace(**{"dag_id": DAG_ID, "output": "json", "conf": None, "verbose": False, **interval, **given}))
    return {line["integration_id"]: line for line in json.loads(capsys.readouterr().out)}


def test_a_plan_counts_what_would_be_sent_and_what_was_and_for_how_long(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.config(latency_seconds=0.2)
    warehouse.add(1)
    assert _plan(capsys)[GREENHOUSE]["hours"] == "unknown", "nothing was measured yet"
    assert warehouse.execute("SELECT name FROM sqlite_master WHERE name LIKE 'kombo_%'") == []
    run_dag()
    created = sandbox.creates()
    for number in range(2, 5):
        warehouse.add(number)
    warehouse.add(5, candidate__email_address="nobody")
    warehouse.add(1, integration_id=WORKDAY)
    warehouse.add(6, changed_at=(NOW - timedelta(days=9)).isoformat(sep=" "))
    found = _plan(capsys)
    numbers = ("to_send", "delivered", "delivered_elsewhere", "invalid")
    assert [found[GREENHOUSE][name] for name in numbers] == [3, 1, 0, 1]
    assert [found[WORKDAY][name] for name in numbers] == [1, 0, 1, 0]
    assert isinstance(found[GREENHOUSE]["hours"], float)
    assert found[WORKDAY]["hours"] == "unknown"
    assert sandbox.creates() == created
    assert warehouse.statuses() == {"delivered": 1}


def test_a_dry_run_s_report_says_the_same_as_the_plan(warehouse: Warehouse, sandbox: Sandbox) -> None:
    warehouse.add(1)
    run_dag()
    warehouse.add(2)
    warehouse.add(1, integration_id=WORKDAY)
    report = run_dag(dry_run=True).xcom("report", "report")
    assert report["foreseen"][GREENHOUSE] | {"hours": 0} == {
        "to_send": 1,
        "delivered": 1,
        "delivered_elsewhere": 0,
        "invalid": 0,
        "other": 0,
        "hours": 0,
    }
    assert (report["foreseen"][WORKDAY]["to_send"], report["foreseen"][WORKDAY]["delivered_elsewhere"]) == (1, 1)


def test_a_row_in_doubt_is_not_called_delivered(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.faults([{"kind": "write_reset", "count": 1}])
    warehouse.add(1)
    run_dag()
    found = _plan(capsys)[GREENHOUSE]
    assert (found["to_send"], found["delivered"], found["other"]) == (0, 0, 1)


def test_an_interval_that_ends_before_it_begins_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(SystemExit, match="--from must be earlier"):
        plan(
            Namespace(
                dag_id=DAG_ID, output="json", conf=None, verbose=False, from_date=NOW, to_date=NOW - timedelta(days=1)
            )
        )
