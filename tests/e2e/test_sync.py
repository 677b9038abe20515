"""What became of everyone who was sent comes back: ids, stages, hires, in the figures of Kombo's own books."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from kombo import Kombo as OfficialClient

from kombo_sandbox.testing import API_KEY, Sandbox
from tests.e2e.conftest import GREENHOUSE, JOB, PERSONIO, WORKDAY, MakesPipelines, Warehouse, run_dag

LANES = (GREENHOUSE, PERSONIO)
FOURTEEN = range(14)


def push(warehouse: Warehouse, **columns: Any) -> None:
    """Send fourteen applicants to two integrations."""
    for number in FOURTEEN:
        warehouse.add(number, **{"integration_id": LANES[number % 2]} | columns)
    run = run_dag()
    assert run.state == "success", run.errors


def synced(dag_id: str = "kombo_sync_applications", **params: Any) -> Any:
    run = run_dag(dag_id, **params)
    assert run.state == "success", run.errors
    return run.xcom("sync")


def official(sandbox: Sandbox, integration_id: str) -> Iterator[Any]:
    """Yield an integration's applications as the official SDK pages through them."""
    client = OfficialClient(api_key=API_KEY, integration_id=integration_id, server_url=sandbox.url)
    page: Any = client.ats.get_applications(page_size=3, include_deleted=True)
    while page is not None:
        yield from page.result.data.results
        page = page.next()


def history(warehouse: Warehouse, sandbox: Sandbox) -> None:
    """Let the ATS do what ATSs do: hire, decline, reopen, delete, move on."""
    sent = dict(warehouse.execute("SELECT applicant_id, kombo_application_id FROM kombo_deliveries"))

    def change(number: int, **what: Any) -> None:
        sandbox.change(LANES[number % 2], application_id=sent[f"a-{number}"], **what)

    change(0, outcome="HIRED")
    change(1, outcome="HIRED")
    change(1, deleted=True)
    change(2, outcome="DECLINED", rejection_reason_name="Too junior")
    change(3, outcome="DECLINED")
    change(3, outcome="PENDING")
    change(4, deleted=True)
    change(5, outcome="HIRED")
    change(5, outcome="PENDING")
    change(6, deleted=True)
    change(6, deleted=False)
    stages = {stage.current_stage.name: stage.current_stage.id for stage in official(sandbox, GREENHOUSE)}
    assert list(stages) == ["Applied"]
    change(8, stage_id="stage-of-greenhouse")


def independent_count(sandbox: Sandbox) -> dict[tuple[str, str], int]:
    """Count what the official SDK reads, by integration and what became of it."""
    counts: Counter[tuple[str, str]] = Counter()
    for integration_id in LANES:
        for record in official(sandbox, integration_id):
            outcome = record.outcome.value if hasattr(record.outcome, "value") else record.outcome
            place = {"HIRED": "hired", "DECLINED": "declined"}.get(outcome)
            counts[integration_id, place or ("deleted" if record.remote_deleted_at else "open")] += 1
    return dict(counts)


def funnel(warehouse: Warehouse) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for place in ("open", "hired", "declined", "deleted", "unseen"):
        rows = warehouse.execute(f"SELECT integration_id, SUM({place}) FROM kombo_funnel GROUP BY integration_id")
        found |= {(row[0], place): row[1] for row in rows if row[1]}
    return found


def test_the_funnel_equals_an_independent_count_over_kombos_books(warehouse: Warehouse, sandbox: Sandbox) -> None:
    push(warehouse)
    synced()
    assert set(funnel(warehouse)) == {(GREENHOUSE, "open"), (PERSONIO, "open")}
    history(warehouse, sandbox)
    synced()
    assert funnel(warehouse) == independent_count(sandbox)
    assert sum(funnel(warehouse).values()) == len(FOURTEEN)
    ((sent, delivered, weeks, jobs),) = warehouse.execute(
        "SELECT SUM(sent), SUM(delivered), COUNT(DISTINCT week), MIN(job_name) FROM kombo_funnel"
    )
    assert (sent, delivered, weeks, jobs) == (14, 14, 1, f"Job job-{JOB}")
    stages = warehouse.execute("SELECT integration_id, SUM(applications) FROM kombo_funnel_stages GROUP BY 1")
    assert {(row[0], "open"): row[1] for row in stages} == {
        name: count for name, count in funnel(warehouse).items() if name[1] == "open"
    }
    ((days,),) = warehouse.execute("SELECT MAX(days_to_hire) FROM kombo_funnel")
    assert 0 <= days < timedelta(minutes=10) / timedelta(days=1)


FIELDS = ("id", "remote_id", "candidate_id", "job_id", "current_stage_id", "outcome")


def test_what_is_stored_equals_record_by_record_what_the_official_sdk_reads(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    push(warehouse)
    history(warehouse, sandbox)
    counts = synced()
    expected = {}
    for integration_id in LANES:
        for record in official(sandbox, integration_id):
            row = [getattr(record, name) for name in FIELDS]
            row[-1] = str(getattr(row[-1], "value", row[-1]))
            times = [record.remote_created_at, record.remote_updated_at, record.remote_deleted_at, record.rejected_at]
            expected[integration_id, record.id] = (*row, *(at and at.strftime("%Y-%m-%d %H:%M:%S.%f") for at in times))
    columns = ", ".join((*FIELDS, "remote_created_at", "remote_updated_at", "remote_deleted_at", "rejected_at"))
    rows = warehouse.execute(f"SELECT integration_id, {columns} FROM kombo_applications")
    assert {(row[0], row[1]): tuple(row[1:]) for row in rows} == expected
    assert counts["pages"] == 4  # two kinds of two integrations: one page each holds all there is


def test_null_ids_that_are_revealed_after_a_sync_all_end_in_the_source_table(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    sandbox.config(visibility="after_sync")
    sandbox.faults([{"kind": "null_ids"}])
    push(warehouse)
    four = "kombo_application_id, kombo_application_remote_id, kombo_candidate_id, kombo_candidate_remote_id"
    assert synced()["integrations"] == 2
    assert all(None in row for row in warehouse.execute(f"SELECT {four} FROM applicants"))
    for integration_id in LANES:
        sandbox.sync(integration_id)
    assert synced()["completed"] == len(FOURTEEN)
    rows = warehouse.execute(f"SELECT {four} FROM applicants")
    assert len(rows) == len(FOURTEEN)
    assert not any(None in row for row in rows)


def test_a_doubt_that_a_pull_shows_is_settled_by_it(warehouse: Warehouse, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "write_reset", "count": 1}])
    warehouse.add(1)
    run_dag()
    assert warehouse.statuses() == {"in_doubt": 1}
    synced()
    assert warehouse.statuses() == {"delivered": 1}
    ((application_id,),) = warehouse.execute("SELECT kombo_application_id FROM applicants")
    assert application_id
    assert list(sandbox.creates().values()) == [1]


def test_a_broken_integration_is_passed_over_and_told(
    warehouse: Warehouse, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    push(warehouse)
    sandbox.config(per_integration={PERSONIO: {"status": "INACTIVE"}})
    counts = synced()
    assert counts["passed_over"] == {PERSONIO: "INTEGRATION.INACTIVE"}
    assert {row[0] for row in warehouse.execute("SELECT integration_id FROM kombo_applications")} == {GREENHOUSE}
    assert f"Passed over: {PERSONIO} (INTEGRATION.INACTIVE)" in "".join(capfd.readouterr())
    sandbox.config(per_integration={PERSONIO: None})
    synced()
    assert len(warehouse.execute("SELECT 1 FROM kombo_applications")) == len(FOURTEEN)


def test_a_sync_puts_no_person_into_airflow_or_the_ledger(
    warehouse: Warehouse, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    push(warehouse, candidate__last_name="Featherstonehaugh")
    history(warehouse, sandbox)
    synced()
    assert "Featherstonehaugh" not in "".join(capfd.readouterr())
    stored = warehouse.execute("SELECT * FROM kombo_applications") + warehouse.execute("SELECT * FROM kombo_candidates")
    written = json.dumps(stored)
    assert "Featherstonehaugh" not in written
    assert "example.com" not in written
    assert "Too junior" not in written


def test_a_stage_that_moved_is_seen_by_a_full_pull(warehouse: Warehouse, sandbox: Sandbox) -> None:
    push(warehouse)
    synced()
    history(warehouse, sandbox)
    synced(full=True)
    ((stage_id,),) = warehouse.execute(
        "SELECT a.current_stage_id FROM kombo_applications a JOIN kombo_deliveries d ON d.kombo_application_id = a.id"
        " AND d.integration_id = a.integration_id WHERE d.applicant_id = 'a-8'"
    )
    assert stage_id == "stage-of-greenhouse"


def test_jobs_come_with_their_stages_and_questions(warehouse: Warehouse, sandbox: Sandbox) -> None:
    push(warehouse)
    question = {"title": "Why nursing?", "required": True}
    job = {"name": "Nurse", "screening_questions": [question]}
    sandbox.config(per_integration={PERSONIO: {"jobs": {"nurse": job}}})
    synced("kombo_sync_jobs")
    found = warehouse.execute("SELECT integration_id, name FROM kombo_jobs ORDER BY integration_id, name")
    assert found == [(GREENHOUSE, f"Job job-{JOB}"), (PERSONIO, f"Job job-{JOB}"), (PERSONIO, "Nurse")]
    assert warehouse.execute("SELECT title, type, required FROM kombo_job_questions") == [("Why nursing?", "TEXT", 1)]
    stages = warehouse.execute("SELECT name FROM kombo_job_stages WHERE job_id = 'nurse' ORDER BY position")
    assert [row[0] for row in stages] == ["Applied", "Interview", "Offer"]


def test_the_mart_of_the_example_counts_hires_by_customer(warehouse: Warehouse, sandbox: Sandbox) -> None:
    push(warehouse)
    history(warehouse, sandbox)
    synced()
    run = run_dag("kombo_hires_mart")
    assert run.state == "success", run.errors
    rows = warehouse.execute("SELECT integration_id, sent, hired, declined FROM hires_by_customer ORDER BY 1")
    assert rows == [(GREENHOUSE, 7, 1, 1), (PERSONIO, 7, 1, 0)]
    assert WORKDAY not in {row[0] for row in rows}
    assert run_dag("kombo_hires_mart").state == "success"
    assert len(warehouse.execute("SELECT 1 FROM hires_by_customer")) == 2


def test_what_an_earlier_tool_sent_is_tracked_and_its_status_and_ids_come_back(
    warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    sandbox.config(visibility="never")
    warehouse.add(1)
    assert run_dag().state == "success"
    ((remote_id,),) = warehouse.execute("SELECT kombo_application_remote_id FROM kombo_deliveries")
    for table in ("kombo_deliveries", "kombo_delivery_events", "kombo_sources"):
        warehouse.execute(f"DELETE FROM {table}")
    warehouse.execute("UPDATE applicants SET kombo_application_id = NULL, kombo_candidate_id = NULL")
    select = f"SELECT applicant_id, integration_id, job_id, changed_at, 'remote:{remote_id}' AS already_sent, "
    select += "candidate__first_name, candidate__last_name, candidate__email_address FROM applicants"
    run = run_dag(pipeline(extract_sql=select, write_back_table=None))
    assert run.counts == {"extracted": 1, "imported": 1}
    assert synced()["tracked"] == 1
    sandbox.sync(GREENHOUSE)
    synced()
    ((application_id, candidate_id),) = warehouse.execute(
        "SELECT kombo_application_id, kombo_candidate_id FROM applicants"
    )
    assert (application_id, candidate_id) != (None, None)
    assert warehouse.execute("SELECT id, outcome FROM kombo_applications") == [(application_id, "PENDING")]
    assert list(sandbox.creates().values()) == [1]
