"""A dry run writes down what would happen; a replay tries refused rows again because a person says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import GREENHOUSE, Warehouse, run_dag


def test_a_dry_run_writes_each_decision_down_and_does_nothing_else(warehouse: Warehouse, sandbox: Sandbox) -> None:
    warehouse.add(1)
    warehouse.add(2, candidate__email_address="nobody")
    warehouse.add(2)
    run = run_dag(dry_run=True)
    assert run.state == "success", run.task_states
    decisions = warehouse.execute(
        "SELECT applicant_id, decision, becomes, problems IS NULL FROM kombo_dry_run ORDER BY applicant_id"
    )
    assert decisions == [("a-1", "new", "ready", 1), ("a-2", "invalid", "invalid", 0)]
    assert warehouse.statuses() == {}
    assert warehouse.execute("SELECT watermark FROM kombo_sources WHERE watermark IS NOT NULL") == []
    assert sandbox.creates() == {}
    assert run.xcom("stage", "counts")["duplicate_keys"] == 1
    columns = [row[1] for row in warehouse.execute("PRAGMA table_info(kombo_dry_run)")]
    assert "payload" not in columns


def test_a_replay_tries_rows_again_that_were_refused_with_the_code_whatever_the_window(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    long_ago = (datetime.now(UTC) - timedelta(days=90)).isoformat(sep=" ")
    warehouse.add(1, changed_at=long_ago, job_id="closed")
    warehouse.add(2, changed_at=long_ago, candidate__last_name="Refused")
    sandbox.faults(
        [
            {"kind": "error", "code": "ATS.JOB_CLOSED", "count": 1, "match": {"email": "ada1@example.com"}},
            {"kind": "error", "code": "REMOTE.INPUT_INVALID", "count": 1, "match": {"email": "ada2@example.com"}},
        ]
    )
    run_dag()
    assert warehouse.statuses() == {"rejected": 2}
    run_dag()
    assert warehouse.statuses() == {"rejected": 2}
    run = run_dag(replay=["ATS.JOB_CLOSED"])
    assert run.state == "success", run.task_states
    assert warehouse.execute("SELECT applicant_id, status, attempts FROM kombo_deliveries ORDER BY 1") == [
        ("a-1", "delivered", 2),
        ("a-2", "rejected", 1),
    ]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"applicant_ids": ["nobody"]}, "applicant_ids: 1 of 1 not found"),
        ({"integration_ids": ["lever:none"]}, "integration_ids: 1 of 1 not found"),
        ({"replay": ["ATS.JOB_CLOSED"]}, "replay: 1 of 1 not found"),
        ({"refill": True}, "refill: 1 of 1 not found"),
    ],
)
def test_a_run_that_finds_nothing_of_what_it_was_asked_for_is_red_and_says_so(
    warehouse: Warehouse, sandbox: Sandbox, params: dict[str, Any], said: str
) -> None:
    run = run_dag(**params)
    assert run.state == "failed"
    assert said in run.xcom("report", "summary")
    assert f"Nothing was found for {next(iter(params))}: 1 asked for." in run.message("report")
    assert "nobody" not in str([run.xcom("stage", "not_found"), run.xcom("report", "report")])


def test_a_run_that_finds_a_part_of_what_it_was_asked_for_names_the_rest(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    warehouse.add(1)
    run = run_dag(applicant_ids=["a-1", "nobody"], refill=True)
    assert run.state == "success", run.errors
    assert run.xcom("report", "summary") == "1 delivered; applicant_ids: 1 of 2 not found"


def test_rows_that_wait_in_the_ledger_are_found_whatever_the_window(warehouse: Warehouse, sandbox: Sandbox) -> None:
    warehouse.add(1)
    sandbox.config(per_integration={GREENHOUSE: {"status": "INACTIVE"}})
    run_dag()
    warehouse.execute("DELETE FROM applicants")
    run = run_dag(applicant_ids=["a-1"], integration_ids=[GREENHOUSE])
    assert "not found" not in run.xcom("report", "summary")
