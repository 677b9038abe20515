"""P6: the run is green only where its rows are delivered; write_back and report run whatever happened before."""

from __future__ import annotations

import json
import os

import pytest

from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import GREENHOUSE, PERSONIO, MakesPipelines, Warehouse, run_again, run_dag


def test_a_failed_deliver_fails_the_report_and_the_ids_of_the_others_are_written_back(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    warehouse.add(1)
    warehouse.add(2, integration_id=PERSONIO)
    sandbox.config(per_integration={PERSONIO: {"status": "INACTIVE"}})
    run = run_dag()
    assert run.state == "failed"
    assert run.task_states["write_back"] == "success"
    assert run.task_states["report"] == "failed"
    assert "Tasks failed: deliver" in run.message("report")
    assert "Not delivered: 1 ready" in run.message("report")
    assert "run the DAG again" in run.message("report")
    ids = dict(warehouse.execute("SELECT applicant_id, kombo_application_id FROM applicants"))
    assert ids["a-1"]
    assert not ids["a-2"]


def test_a_failed_stage_fails_the_report_though_all_it_reads_is_green(warehouse: Warehouse, sandbox: Sandbox) -> None:
    warehouse.add(1)
    assert run_dag().state == "success"
    warehouse.execute("ALTER TABLE applicants DROP COLUMN candidate__title")
    run = run_dag()
    assert run.task_states == {
        "stage": "failed",
        "deliver": "upstream_failed",
        "write_back": "success",
        "report": "failed",
        "next": "skipped",
    }
    assert "Tasks failed: stage." in run.message("report")


def test_rows_in_doubt_fail_the_run_that_sent_them_and_are_listed_by_the_next(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    warehouse.add(1)
    warehouse.add(2)
    sandbox.faults([{"kind": "write_reset", "count": 1, "match": {"email": "ada1@example.com"}}])
    run = run_dag()
    assert run.state == "failed"
    assert "Not delivered: 1 in_doubt" in run.message("report")
    assert f"a-1 of {GREENHOUSE}" in run.message("report")
    assert run.task_states["write_back"] == "success"

    following = run_dag()
    assert following.state == "success", following.errors
    (issue,) = following.xcom("report")["older_open_issues"]
    assert (issue["integration_id"], issue["what"], issue["rows"]) == (GREENHOUSE, "in doubt", 1)
    assert issue["since"]
    assert set(sandbox.creates().values()) == {1}


@pytest.mark.parametrize(("invalid", "valid", "green"), [(2, 2, True), (3, 3, False), (3, 4, True)])
def test_bad_rows_fail_the_run_only_above_both_thresholds(
    warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines, invalid: int, valid: int, green: bool
) -> None:
    for number in range(invalid + valid):
        warehouse.add(number, candidate__email_address="none" if number < invalid else f"ada{number}@example.com")
    run = run_dag(pipeline(min_failed=2, max_failed_share=0.45))
    assert run.state == ("success" if green else "failed"), run.errors
    assert warehouse.statuses() == {"invalid": invalid, "delivered": valid}
    if not green:
        assert "3 of 6 rows were refused, more than 45%" in run.message("report")
        assert "problems and error_code in kombo_deliveries" in run.message("report")


def test_rows_that_kombo_refuses_count_like_bad_rows(
    warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    for number in range(3):
        warehouse.add(number)
    sandbox.faults([{"kind": "error", "code": "ATS.JOB_CLOSED", "match": {"email": "ada[01]@example.com"}}])
    run = run_dag(pipeline(min_failed=1))
    assert run.state == "failed"
    assert "2 of 3 rows were refused, more than 5%" in run.message("report")
    (error,) = run.xcom("report", "report")["top_errors"]
    assert (error["code"], error["rows"]) == ("ATS.JOB_CLOSED", 2)
    assert error["log_url"]


def test_a_write_back_that_fails_fails_the_report_and_is_made_up_for(warehouse: Warehouse, sandbox: Sandbox) -> None:
    warehouse.add(1)
    warehouse.execute(
        "CREATE TRIGGER no_ids BEFORE UPDATE ON applicants BEGIN SELECT RAISE(FAIL, 'read only for ada1@example.com');"
        " END"
    )
    run = run_dag()
    assert run.task_states["write_back"] == "failed"
    assert "Writing ids back into applicants failed" in run.message("write_back")
    assert "ada1@example.com" not in run.message("write_back")
    assert "The ids are safe in the ledger" in run.message("write_back")
    assert "Tasks failed: write_back" in run.message("report")
    warehouse.execute("DROP TRIGGER no_ids")
    assert run_dag().state == "success"
    assert warehouse.execute("SELECT kombo_application_id FROM applicants")[0][0]


def test_rows_that_are_all_rejected_are_red_in_their_run_and_turn_the_next_one_red_no_more(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    for number in range(5):
        warehouse.add(number)
    sandbox.faults([{"kind": "error", "code": "ATS.JOB_CLOSED"}])
    run = run_dag()
    assert run.state == "failed"
    assert "5 rejected" in run.message("report")
    assert run_dag().state == "success"


@pytest.mark.parametrize("wrong", [{"applicant_id": None}, {"integration_id": None}, {"applicant_id": "a-0"}])
def test_rows_without_a_key_or_with_anothers_are_red_when_they_are_first_seen_and_not_again(
    warehouse: Warehouse, sandbox: Sandbox, wrong: dict[str, None]
) -> None:
    warehouse.add(0)
    assert run_dag().state == "success"
    warehouse.add(1, **wrong)
    run = run_dag()
    assert run.state == "failed"
    assert "of 1 rows was delivered" in run.message("report")
    assert run_dag().state == "success"
    warehouse.add(2, **wrong)
    assert run_dag().state == "failed"


def test_ids_that_the_table_cannot_take_count_in_the_run_that_finds_it(
    warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    for number in range(4):
        warehouse.add(number)
    warehouse.execute("CREATE TABLE target AS SELECT * FROM applicants WHERE applicant_id = 'a-0'")
    dag_id = pipeline(write_back_table="target", min_failed=2)
    run = run_dag(dag_id)
    assert run.state == "failed"
    assert "3 of 4 rows were refused, more than 5%: 3 missed" in run.message("report")
    assert run_dag(dag_id).state == "success"


def test_a_run_is_named_after_what_it_did_also_where_it_fails(warehouse: Warehouse, sandbox: Sandbox) -> None:
    for number in range(3):
        warehouse.add(number)
    warehouse.add(3, candidate__email_address="none")
    warehouse.add(4, integration_id=PERSONIO)
    sandbox.config(per_integration={PERSONIO: {"status": "INACTIVE"}})
    run = run_dag()
    names = {ti.task_id: ti.rendered_map_index for ti in run.dag_run.get_task_instances() if ti.map_index < 0}
    assert names == {
        "stage": "5 rows: 4 new, 1 invalid",
        "write_back": "3 written",
        "report": f"3 delivered, 1 invalid, 1 ready; failed: deliver [{PERSONIO}]",
        "next": "",
    }
    assert run.names_of_mapped("deliver") == [PERSONIO, f"{GREENHOUSE}: 3 delivered"]  # the short lane first
    assert run.xcom("report", "summary") == names["report"]


def test_the_history_has_a_row_for_the_run_and_each_integration_and_a_second_report_overwrites_its_own(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    warehouse.add(1)
    warehouse.add(2, integration_id=PERSONIO, candidate__email_address="none")
    run = run_dag()
    run_again(run.dag_id, run.run_id)
    rows = warehouse.execute(
        "SELECT integration_id, counts, statuses, top_codes, p50_ms IS NULL, peak_in_flight, began_at < ended_at "
        "FROM kombo_runs ORDER BY integration_id"
    )
    assert [(row[0], *map(json.loads, row[1:4]), *row[4:]) for row in rows] == [
        ("", {"extracted": 2, "new_failures": {}}, {}, {}, 1, 0, 1),
        (GREENHOUSE, {"new": 1, "new_failures": {}}, {"delivered": 1}, {}, 0, 1, 1),
        (PERSONIO, {"invalid": 1, "new_failures": {"invalid": 1}}, {"invalid": 1}, {"invalid": 1}, 1, 0, 1),
    ]
    run_dag()
    rows = warehouse.execute("SELECT integration_id, statuses FROM kombo_runs WHERE run_id != ?", (run.run_id,))
    assert rows == [("", "{}")]


def test_the_history_of_a_narrowed_run_has_a_row_for_the_run_and_for_its_own_lanes_only(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    for number, integration_id in enumerate((GREENHOUSE, PERSONIO)):
        warehouse.add(number, integration_id=integration_id)
    narrowed = run_dag(integration_ids=[PERSONIO])
    rows = warehouse.execute("SELECT integration_id FROM kombo_runs WHERE run_id = ?", (narrowed.run_id,))
    assert sorted(rows) == [("",), (PERSONIO,)]


def test_the_run_after_a_bad_one_names_what_is_open_its_reasons_and_the_command(
    warehouse: Warehouse, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        warehouse.add(number, candidate__email_address="none")
    warehouse.add(12)
    warehouse.add(13, applicant_id=None)
    assert run_dag().state == "failed"
    capsys.readouterr()
    caplog.clear()
    run = run_dag()
    assert run.state == "success"
    total = run.xcom("report")["open_totals"]
    assert {what: found["rows"] for what, found in total.items()} == {"invalid": 12, "without_key": 1}
    assert total["invalid"]["since"]
    assert "a-1" not in json.dumps(run.xcom("report"))
    logged = [f"{record.name} {record.getMessage()}" for record in caplog.records]  # where Airflow left logging alone
    said = [line for line in [*logged, *capsys.readouterr().out.splitlines()] if "kombo_provider.report" in line]
    assert "Open in all: 12 invalid (oldest 0.0 h), 1 without key" in said[0]
    assert "To list it, with field or code: airflow kombo failed kombo_push_applicants" in said[1]
    (why,) = [line for line in said if GREENHOUSE in line]
    assert "12 refused: 12 candidate__email_address: " in why
    assert why.count(" a-") + why.count("(a-") == 10


def test_rows_that_wait_under_a_renamed_connection_are_counted_and_the_report_says_what_to_do(
    warehouse: Warehouse,
    sandbox: Sandbox,
    pipeline: MakesPipelines,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warehouse.add(1)
    sandbox.config(per_integration={GREENHOUSE: {"status": "INACTIVE"}})
    assert run_dag().state == "failed"
    warehouse.execute("UPDATE applicants SET changed_at = '2020-01-01'")
    monkeypatch.setenv("AIRFLOW_CONN_KOMBO_NEW", os.environ["AIRFLOW_CONN_KOMBO_DEFAULT"])
    sandbox.config(per_integration={GREENHOUSE: {"status": "ACTIVE"}})
    renamed = pipeline(kombo_conn_id="kombo_new")
    run = run_dag(renamed)
    assert run.xcom("report")["open_totals"]["waiting"]["other_connections"] == {"kombo_default": 1}
    assert "1 rows of the source wait under the connection kombo_default" in caplog.text + capsys.readouterr().out
    assert run_dag(renamed, window="all").state == "success"
    assert warehouse.delivered() == {"a-1"}
