"""`airflow kombo …`: what it prints, and that it says in one line what is wrong."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import MakesPipelines, Warehouse, run_dag

DAG_ID = "kombo_push_applicants"
INTEGRATION = "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"
UNSAID = {"verbose": False, "conf": None, "dag_id": DAG_ID, "email": False, "output": "table", "kombo_conn_id": None}
UNSAID |= {"integration_id": None, "until": None, "because": None}


def call(name: str, **arguments: Any) -> None:
    from kombo_provider.cli import commands, failures

    command = failures.failed if name == "failed" else getattr(commands, name)
    command(Namespace(**UNSAID | arguments))


def test_preview_prints_the_exact_body_and_what_would_be_done_and_sends_nothing(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1)
    call("preview", dag_id=DAG_ID, applicant_id="a-1")
    printed = capsys.readouterr().out
    assert '"email_address": "ada1@example.com"' in printed
    assert "What would be done: it enters the ledger and is sent" in printed
    assert sandbox.creates() == {}
    assert warehouse.execute("SELECT name FROM sqlite_master WHERE name LIKE 'kombo_%'") == []


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
    run_dag()
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


def test_forget_finds_a_person_by_an_address_that_stands_on_no_command_line(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.add(1)
    warehouse.add(2)
    sandbox.faults([{"kind": "error", "code": "REMOTE.INPUT_INVALID", "match": {"email": "ada2@example.com"}}])
    run_dag()
    capsys.readouterr()  # the run's own log, with ids drawn at random
    monkeypatch.setattr("sys.stdin", io.StringIO("ADA2@example.com\n"))
    call("forget", email=True, source=None, applicant_id=None)
    printed = capsys.readouterr().out
    assert "a-2" in printed
    assert "a-1" not in printed
    assert "ada2" not in printed.lower()


@pytest.mark.parametrize("endpoint", ["application", "candidate"])
def test_forget_by_address_reaches_every_source_and_dry_runs_and_its_receipt_names_no_address(
    endpoint: str,
    warehouse: Warehouse,
    sandbox: Sandbox,
    pipeline: MakesPipelines,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox.faults([{"kind": "error", "code": "REMOTE.INPUT_INVALID"}])
    warehouse.add(1, candidate__email_address="Grace@example.com", applicant_id="grace@example.com")
    warehouse.add(2)
    for source in ("one", "two"):
        run_dag(pipeline(endpoint=endpoint, source=source))
    warehouse.execute("INSERT INTO applicants SELECT * FROM applicants")
    warehouse.execute("UPDATE applicants SET applicant_id = 'known by a dry run' WHERE rowid = 3")
    run_dag(pipeline(endpoint=endpoint, source="three"), dry_run=True)
    monkeypatch.setattr("sys.stdin", io.StringIO("GRACE@example.com\n"))
    capsys.readouterr()
    call("forget", email=True, source=None, applicant_id=None, dag_id=None)
    printed = capsys.readouterr().out
    for source in ("one", "two", "three"):
        assert f"Emptied: {source} / {INTEGRATION} / ..." in printed
    assert f"Emptied: three / {INTEGRATION} / known by a dry run" in printed
    assert "Not reached by this: the source table, logs that were written, Kombo and the ATS." in printed
    assert "grace@" not in printed.lower()
    held = warehouse.execute("SELECT applicant_id FROM kombo_deliveries WHERE payload IS NOT NULL")
    assert set(held) == {("a-2",)}
    assert {row[0] for row in warehouse.execute("SELECT applicant_id FROM kombo_dry_run")} == {"a-2"}


def test_a_lane_that_a_person_stopped_sends_nothing_until_it_is_opened(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1)
    run_dag()
    warehouse.add(2)
    call("lanes", action="stop", integration_id=INTEGRATION, because="the customer asked")
    assert run_dag().state == "failed"
    call("resume")
    assert run_dag().state == "failed"
    assert sum(sandbox.creates().values()) == 1
    call("lanes", action="list", output="json")
    assert '"state": "stopped"' in capsys.readouterr().out
    call("lanes", action="open", integration_id=INTEGRATION)
    assert run_dag().state == "success"
    events = warehouse.execute("SELECT action, reason, actor FROM kombo_lane_events ORDER BY event_id")
    assert events == [("stop", "the customer asked", "person"), ("open", None, "person")]


def test_a_lane_that_nobody_knows_is_named(warehouse: Warehouse) -> None:
    warehouse.add(1)
    run_dag()
    with pytest.raises(SystemExit, match="no-such is found nowhere"):
        call("lanes", action="open", integration_id="no-such")


@pytest.mark.parametrize("command", ["drain", "resume"])
def test_no_command_makes_a_ledger(warehouse: Warehouse, command: str) -> None:
    with pytest.raises(SystemExit, match="There is no ledger in connection"):
        call(command, timeout=5)
    tables = warehouse.execute("SELECT name FROM sqlite_master WHERE name LIKE 'kombo%'")
    assert tables == []


def test_a_connection_that_lies_in_airflow_s_database_is_found(warehouse: Warehouse) -> None:
    warehouse.add(1)
    run_dag()
    airflow = str(Path(sys.executable).with_name("airflow"))
    environment = dict(os.environ)
    given = json.loads(environment.pop("AIRFLOW_CONN_WAREHOUSE_DEFAULT"))
    add = [airflow, "connections", "add", "warehouse_default", "--conn-json", json.dumps(given)]
    subprocess.run(add, check=True, capture_output=True, env=environment, timeout=300)
    try:
        done = subprocess.run(
            [airflow, "kombo", "drain", DAG_ID],
            capture_output=True,
            text=True,
            env=environment,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Nothing is on the wire" in done.stdout
    finally:
        delete = [airflow, "connections", "delete", "warehouse_default"]
        subprocess.run(delete, check=True, capture_output=True, env=environment, timeout=300)


def test_a_dag_without_a_push_is_named_without_a_traceback(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("airflow")), "kombo", "explain", "no_such_dag", "1"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=300)
    assert run.returncode == 1
    assert "no_such_dag" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_failed_lists_what_is_not_delivered_and_no_value(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1, candidate__email_address="nobody", applicant_id="=cmd|' /C calc'!A0")
    warehouse.add(2)
    warehouse.add(3)
    warehouse.add(4, applicant_id=None)
    sandbox.faults([{"kind": "error", "code": "ATS.JOB_CLOSED", "match": {"email": "ada2@example.com"}}])
    run_dag()
    capsys.readouterr()
    call("failed", output="json")
    found = {(row["status"], row["applicant_id"]): row for row in json.loads(capsys.readouterr().out)}
    assert found["rejected", "a-2"]["why"] == "ATS.JOB_CLOSED"
    assert found["rejected", "a-2"]["log_url"].startswith("http")
    assert "candidate__email_address: expected" in found["invalid", "=cmd|' /C calc'!A0"]["why"]
    assert "applicant_id is empty" in found["without_key", None]["why"]
    assert len(found) == 3
    call("failed", output="csv")
    printed = capsys.readouterr().out
    assert ",'=cmd|" in printed
    call("failed")
    printed += capsys.readouterr().out
    assert not [value for value in ("nobody", "Ada", "ada2@example.com", "Applicant") if value in printed]


def test_failed_says_that_all_is_delivered(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1)
    run_dag()
    capsys.readouterr()
    call("failed")
    assert "All that the ledger knows of is delivered" in capsys.readouterr().out
