"""`airflow kombo …`: what it prints, and that it says in one line what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import Warehouse, run_dag

DAG_ID = "kombo_push_applicants"
PLACE = {"warehouse_conn_id": "warehouse_default", "ledger_conn_id": None, "ledger_schema": None, "verbose": False}


def call(name: str, **arguments: Any) -> None:
    from kombo_provider.cli import commands

    getattr(commands, name)(Namespace(**PLACE, **arguments))


def test_preview_prints_the_exact_body_and_what_would_be_done_and_sends_nothing(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1)
    call("preview", dag_id=DAG_ID, applicant_id="a-1")
    printed = capsys.readouterr().out
    assert '"email_address": "ada1@example.com"' in printed
    assert "What would be done: it enters the ledger and is sent" in printed
    assert sandbox.creates() == {}
    assert warehouse.statuses() == {}


def test_preview_of_a_row_that_the_select_does_not_return_says_so(warehouse: Warehouse) -> None:
    with pytest.raises(SystemExit, match="returns no row with applicant_id 'nobody'"):
        call("preview", dag_id=DAG_ID, applicant_id="nobody")


def test_explain_says_why_a_row_was_not_sent_and_what_to_do(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1, candidate__email_address="nobody")
    warehouse.add(2)
    warehouse.add(3)
    sandbox.faults([{"kind": "error", "code": "ATS.JOB_CLOSED", "match": {"email": "ada2@example.com"}}])
    run_dag()
    warehouse.execute("DELETE FROM applicants WHERE applicant_id = 'a-3'")
    expected = {
        "a-1": ("invalid", "candidate__email_address", "Correct the row"),
        "a-2": ("rejected", "ATS.JOB_CLOSED", "log_url: http", "ready → sending"),
        "a-3": ("delivered", "The SELECT returns no such row now", "never sent again"),
        "a-4": ("The SELECT returns no such row now", "The ledger does not know it"),
    }
    for applicant_id, words in expected.items():
        capsys.readouterr()
        call("explain", dag_id=DAG_ID, applicant_id=applicant_id)
        printed = capsys.readouterr().out
        assert [word for word in words if word not in printed] == [], printed


def test_a_drain_stops_new_requests_until_resume(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1)
    call("drain", timeout=5)
    assert "Nothing is on the wire" in capsys.readouterr().out
    stopped = run_dag()
    assert stopped.state == "failed"
    assert sandbox.creates() == {}
    assert warehouse.statuses() == {"ready": 1}
    call("explain", dag_id=DAG_ID, applicant_id="a-1")
    assert "Its integration is drained since" in capsys.readouterr().out
    call("resume")
    assert run_dag().state == "success"
    assert warehouse.statuses() == {"delivered": 1}


def test_forget_empties_one_persons_data_and_keeps_the_proof(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1)
    sandbox.faults([{"kind": "error", "code": "REMOTE.INPUT_INVALID"}])
    run_dag()
    key = {"source": "demo.applicants", "integration_id": "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js", "applicant_id": "a-1"}
    call("forget", **key)
    row = warehouse.execute("SELECT status, payload, error_message, attempts FROM kombo_deliveries")
    assert row == [("cancelled", None, None, 1)]
    with pytest.raises(SystemExit, match="Nothing was changed"):
        call("forget", **(key | {"applicant_id": "a-2"}))


def test_a_dag_without_a_push_is_named_without_a_traceback(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("airflow")), "kombo", "explain", "no_such_dag", "1"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=60)
    assert run.returncode == 1
    assert "no_such_dag" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
