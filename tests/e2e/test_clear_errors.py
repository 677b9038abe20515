"""P9: whatever is wrong is said in one message (what failed, where, what to do), loses nothing, and can be repaired."""

from __future__ import annotations

import json
import re

import pytest

from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import GREENHOUSE, PERSONIO, MakesPipelines, Run, Warehouse, connect, run_dag

COLUMNS = "applicant_id, integration_id, job_id, changed_at, candidate__first_name, candidate__last_name, "
EMAIL = "candidate__email_address"


@pytest.fixture
def two_rows(warehouse: Warehouse) -> Warehouse:
    warehouse.add(1)
    warehouse.add(2)
    return warehouse


def test_a_wrong_api_key(two_rows: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, sandbox.url, two_rows.path, key="not-the-key-1234")
    run = run_dag()
    says(run, "deliver[0]", "PLATFORM.AUTHENTICATION_INVALID", "API key", "password", "http")
    assert "not-the-key-1234" not in run.message("deliver[0]")
    says(run, "report", "Tasks failed: deliver", "2 ready")
    assert two_rows.statuses() == {"ready": 2}
    connect(monkeypatch, sandbox.url, two_rows.path)
    completes(two_rows, sandbox, 2)


def test_a_host_that_cannot_be_reached(two_rows: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "http://127.0.0.1:9/v1", two_rows.path, timeout_seconds=2)
    run = run_dag()
    says(run, "deliver[0]", "127.0.0.1:9", "the connection's host is right and can be reached")
    assert two_rows.statuses() == {"ready": 2}
    connect(monkeypatch, sandbox.url, two_rows.path)
    completes(two_rows, sandbox, 2)


def test_a_connection_extra_that_means_nothing(
    two_rows: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, sandbox.url, two_rows.path, timeout=5)
    run = run_dag()
    says(run, "stage", "kombo_default", "'timeout'", "Did you mean 'timeout_seconds'?")
    nothing_was_staged(two_rows)
    connect(monkeypatch, sandbox.url, two_rows.path)
    completes(two_rows, sandbox, 2)


def test_no_such_airflow_connection(
    two_rows: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, pipeline: MakesPipelines
) -> None:
    run = run_dag(pipeline(warehouse_conn_id="no_such_warehouse"))
    says(run, "stage", "There is no Airflow connection 'no_such_warehouse'", "Add it under Admin")
    run = run_dag(pipeline(kombo_conn_id="no_such_kombo"))
    says(run, "stage", "There is no Airflow connection 'no_such_kombo'", "Add it under Admin")
    nothing_was_staged(two_rows)
    completes(two_rows, sandbox, 2)


def test_a_source_table_that_is_not_there(two_rows: Warehouse, sandbox: Sandbox) -> None:
    two_rows.execute("ALTER TABLE applicants RENAME TO applicants_2")
    two_rows.execute("CREATE VIEW targets AS SELECT * FROM applicants_2")
    run = run_dag()
    says(run, "stage", "applicants", "write_back_table")
    two_rows.execute("DROP VIEW targets")
    two_rows.execute("ALTER TABLE applicants_2 RENAME TO applicants")
    completes(two_rows, sandbox, 2)


def test_a_select_from_a_table_that_is_not_there(
    two_rows: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    run = run_dag(pipeline(extract_sql=f"SELECT {COLUMNS} {EMAIL} FROM aplicants"))
    says(run, "stage", "source query", "the SELECT in extract_sql", "no such table: aplicants", "Correct the SELECT")
    nothing_was_staged(two_rows)


def test_a_select_without_a_meta_column(two_rows: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines) -> None:
    without_job = f"SELECT {COLUMNS} {EMAIL} FROM applicants".replace("job_id, ", "")
    run = run_dag(pipeline(extract_sql=without_job))
    says(run, "stage", "the SELECT lacks job_id: add it")
    without_key = f"SELECT {COLUMNS} {EMAIL} FROM applicants".replace("applicant_id, integration_id", "integration_id")
    run = run_dag(pipeline(extract_sql=without_key))
    says(run, "stage", "the SELECT lacks applicant_id")
    nothing_was_staged(two_rows)


def test_an_unknown_alias_is_answered_with_the_nearest_name(
    two_rows: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    run = run_dag(pipeline(extract_sql=f"SELECT {COLUMNS} {EMAIL} AS candidate__email FROM applicants"))
    says(run, "stage", "candidate__email ", "candidate__email_address", "extra_fields")
    nothing_was_staged(two_rows)


def test_a_sql_file_that_is_not_there(two_rows: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines) -> None:
    run = run_dag(pipeline(extract_sql="include/sql/no_such.sql"))
    says(run, "stage", "include/sql/no_such.sql", "no such file", "Correct the path")
    nothing_was_staged(two_rows)


def test_missing_write_back_columns_with_an_alter_to_paste(two_rows: Warehouse, sandbox: Sandbox) -> None:
    for column in ("kombo_candidate_id", "kombo_delivered_at"):
        two_rows.execute(f"ALTER TABLE applicants DROP COLUMN {column}")
    run = run_dag()
    says(run, "stage", "applicants has no column kombo_candidate_id, kombo_delivered_at", "Run this once")
    nothing_was_staged(two_rows)
    alters = re.findall(r"^ALTER TABLE .*;$", run.message("stage"), re.MULTILINE)
    assert len(alters) == 2
    for alter in alters:
        two_rows.execute(alter)
    completes(two_rows, sandbox, 2)
    ids = two_rows.execute("SELECT kombo_candidate_id, kombo_delivered_at FROM applicants")
    assert all(all(row) for row in ids)


def test_a_write_back_key_that_is_no_column(two_rows: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines) -> None:
    run = run_dag(pipeline(write_back_key="aplicant_id"))
    says(run, "stage", "applicants has no column aplicant_id", "write_back_key must name one of applicant_id")
    nothing_was_staged(two_rows)


def test_the_first_of_equal_keys_is_sent_and_the_others_are_named(
    warehouse: Warehouse, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse.add(1, candidate__email_address="first@example.com")
    warehouse.add(1, candidate__email_address="second@example.com")
    warehouse.add(1, integration_id=PERSONIO)
    run = run_dag()
    assert run.state == "success", run.errors
    assert run.counts == {"extracted": 3, "new": 2, "duplicate_keys": 1}
    assert {email for _, _, email in sandbox.creates()} == {"first@example.com", "ada1@example.com"}
    assert f"a-1 of {GREENHOUSE}" in caplog.text
    assert "make applicant_id unique" in caplog.text


def test_an_empty_table_is_nothing_to_do(
    warehouse: Warehouse, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    run = run_dag()
    assert run.state == "success", run.errors
    assert run.task_states["deliver"] == "skipped"
    assert run.counts == {}
    assert "0 rows extracted" in caplog.text
    assert "nothing to do" in caplog.text
    assert sandbox.stats()["requests_total"] == 0


def test_more_rows_than_approve_above_wait_for_a_confirmation(
    warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    for number in range(7):
        warehouse.add(number, integration_id=PERSONIO if number < 2 else GREENHOUSE)
    dag_id = pipeline(approve_above=4)
    run = run_dag(dag_id)
    assert run.state == "success", run.errors
    assert run.counts == {"extracted": 7, "new": 2, "held": 5}
    assert warehouse.delivered() == {"a-0", "a-1"}, "the other integration's rows leave"
    assert warehouse.statuses() == {"delivered": 2, "ready": 5}
    run_dag(dag_id, confirm_rows=4)
    assert warehouse.statuses() == {"delivered": 2, "ready": 5}, "fewer were confirmed than are held"
    assert run_dag(dag_id, confirm_rows=5).state == "success"
    assert warehouse.statuses() == {"delivered": 7}
    assert set(sandbox.creates().values()) == {1}


def test_a_run_of_more_than_ten_times_approve_above_is_held_as_a_whole(
    warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    for number in range(11):
        warehouse.add(number, integration_id=f"greenhouse:{number}")
    dag_id = pipeline(approve_above=1)
    assert run_dag(dag_id).counts == {"extracted": 11, "held": 11}
    assert sandbox.creates() == {}


def test_a_part_of_many_rows_can_be_sent_first(
    warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    for number in range(5):
        warehouse.add(number, changed_at="2020-01-01 00:00:00")
    dag_id = pipeline(approve_above=4)
    run_dag(dag_id)
    assert warehouse.statuses() == {"ready": 5}
    assert run_dag(dag_id, limit=2, confirm_rows=2).state == "success"
    assert warehouse.statuses() == {"delivered": 2, "ready": 3}
    assert run_dag(dag_id, confirm_rows=3).state == "success"
    assert warehouse.statuses() == {"delivered": 5}


def test_a_ledger_in_memory_is_refused(
    two_rows: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, pipeline: MakesPipelines
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MEMORY", json.dumps({"conn_type": "sqlite", "host": ":memory:"}))
    run = run_dag(pipeline(ledger_conn_id="memory"))
    says(run, "stage", "The ledger cannot live in an in-memory SQLite database", "`ledger_conn_id`")
    nothing_was_staged(two_rows)
    completes(two_rows, sandbox, 2)


def test_a_ledger_connection_of_another_type_is_refused(
    two_rows: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, pipeline: MakesPipelines
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({"conn_type": "mysql", "host": "db.example"}))
    run = run_dag(pipeline(ledger_conn_id="other"))
    says(run, "stage", "'other'", "mysql", "provider")
    run = run_dag(pipeline(ledger_conn_id="kombo_default"))
    says(run, "stage", "'kombo_default' is not one of a SQL database", "Name a connection of a database type")
    nothing_was_staged(two_rows)


def test_rows_that_another_tool_sent_are_imported_and_never_sent(
    two_rows: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    sent = "CASE applicant_id WHEN 'a-1' THEN 'their-id' END AS already_sent"
    run = run_dag(pipeline(extract_sql=f"SELECT {COLUMNS} {EMAIL}, {sent} FROM applicants"))
    assert run.state == "success", run.errors
    assert run.counts == {"extracted": 2, "imported": 1, "new": 1}
    assert {email for _, _, email in sandbox.creates()} == {"ada2@example.com"}
    ids = dict(two_rows.execute("SELECT applicant_id, kombo_application_id FROM applicants"))
    assert ids["a-1"] == "their-id"
    assert ids["a-2"]


def test_a_withdrawn_row_is_taken_out_and_leaves_when_it_is_withdrawn_no_longer(
    two_rows: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    two_rows.execute("ALTER TABLE applicants ADD COLUMN gone BOOLEAN")
    two_rows.execute("UPDATE applicants SET gone = 1 WHERE applicant_id = 'a-1'")
    dag_id = pipeline(extract_sql=f"SELECT {COLUMNS} {EMAIL}, gone AS withdrawn FROM applicants")
    run = run_dag(dag_id)
    assert run.state == "success", run.errors
    assert run.counts == {"extracted": 2, "withdrawn": 1, "new": 1}
    assert two_rows.statuses() == {"cancelled": 1, "delivered": 1}
    two_rows.execute("UPDATE applicants SET gone = 0")
    assert run_dag(dag_id).counts == {"extracted": 2, "restaged": 1, "already_known": 1}
    assert two_rows.statuses() == {"delivered": 2}


def test_a_row_that_changes_after_its_delivery_is_counted_and_not_sent_again(
    two_rows: Warehouse, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    assert run_dag().state == "success"
    two_rows.execute("UPDATE applicants SET candidate__first_name = 'Grace' WHERE applicant_id = 'a-1'")
    two_rows.execute("UPDATE applicants SET job_id = 'another' WHERE applicant_id = 'a-2'")
    run = run_dag()
    assert run.state == "success", run.errors
    assert run.counts == {"extracted": 2, "changed_after_delivery": 2}
    assert "2 delivered rows have changed since" in caplog.text
    assert f"Applicant a-2 of {GREENHOUSE} was delivered for another job" in caplog.text
    assert "id || ':' || job" in caplog.text
    assert len(sandbox.creates()) == 2


def test_a_ledger_that_was_lost_sends_nobody_again(
    two_rows: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    assert run_dag().state == "success"
    for table in ("kombo_deliveries", "kombo_delivery_events", "kombo_lanes", "kombo_sources"):
        two_rows.execute(f"DELETE FROM {table}")
    run = run_dag()
    says(run, "stage", "holds nothing of source 'demo.applicants'", "already has Kombo ids", "already_sent")
    nothing_was_staged(two_rows)
    two_rows.add(3)
    known = f"SELECT {COLUMNS} {EMAIL}, kombo_application_id AS already_sent FROM applicants"
    assert run_dag(pipeline(extract_sql=known)).counts == {"extracted": 3, "imported": 2, "new": 1}
    assert set(sandbox.creates().values()) == {1}


def says(run: Run, task: str, *words: str) -> None:
    """The run failed, and the task's error holds all these words."""
    assert run.state == "failed"
    message = run.message(task)
    assert [word for word in words if word not in message] == [], message


def nothing_was_staged(warehouse: Warehouse) -> None:
    tables = [name for (name,) in warehouse.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert "kombo_deliveries" not in tables or warehouse.statuses() == {}
    assert "kombo_sources" not in tables or warehouse.watermark() is None


def completes(warehouse: Warehouse, sandbox: Sandbox, rows: int) -> None:
    """The next plain run of the shipped DAG delivers everything, once."""
    run = run_dag()
    assert run.state == "success", run.errors
    assert warehouse.statuses() == {"delivered": rows}
    assert list(sandbox.creates().values()) == [1] * rows
