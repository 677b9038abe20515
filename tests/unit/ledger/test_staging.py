"""What becomes of each row that the SELECT returned (contract, sections 5 and 8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kombo_provider.ledger import erasure, staging
from kombo_provider.ledger._decisions import COUNTERS
from kombo_provider.ledger.status import DeliveryKey, RunRef, Status
from tests.unit.ledger.book import CHANGED, GRACE, INVALID, RUN, STAGING, VALID, Book, Row, key

CHANGED_ROW = VALID.but(payload='{"candidate":{"first_name":"Zoe"}}', payload_sha256="hash-2")
LATER_RUN = RunRef("kombo_push", "scheduled__2")


def test_a_valid_row_waits_with_its_payload(book: Book) -> None:
    assert book.stage(VALID.but(has_files=True)) == {"new": 1}
    row = book.row()
    assert (row["status"], row["payload"], row["payload_sha256"]) == ("ready", VALID.payload, "hash-1")
    assert (row["kombo_conn_id"], row["endpoint"], row["job_id"]) == ("kombo_default", "application", "job-1")
    assert (row["attempts"], row["has_files"], row["priority"], row["changed_at"]) == (0, 1, 0, CHANGED)
    assert (row["dag_id"], row["run_id"], row["finished_at"]) == (RUN.dag_id, RUN.run_id, None)
    assert book.moves() == [], "history begins with the first change after staging"


def test_an_invalid_row_keeps_its_problems_and_no_payload(book: Book) -> None:
    assert book.stage(INVALID.but(payload="{}")) == {"invalid": 1}
    row = book.row()
    assert (row["status"], row["payload"], row["problems"]) == ("invalid", None, INVALID.problems)
    assert row["finished_at"] == row["staged_at"]


@pytest.mark.parametrize(("said", "application_id"), [("", None), ("app-9", "app-9")])
def test_a_row_that_was_sent_already_is_delivered_and_never_sent(
    book: Book, said: str, application_id: str | None
) -> None:
    assert book.stage(VALID.but(already_sent=said)) == {"imported": 1}
    row = book.row()
    assert (row["status"], row["resolution"], row["payload"]) == ("delivered", "imported", None)
    assert row["kombo_application_id"] == application_id
    assert book.stage(VALID.but(already_sent=said)) == {"already_known": 1}
    assert book.stage(CHANGED_ROW) == {"changed_after_delivery": 1}
    assert book.claim() == []


def test_a_withdrawn_row_is_cancelled_until_it_is_no_longer_withdrawn(book: Book) -> None:
    assert book.stage(VALID.but(withdrawn=True)) == {"withdrawn": 1}
    assert (book.row()["status"], book.row()["payload"]) == ("cancelled", None)
    assert book.stage(VALID.but(withdrawn=True)) == {"already_known": 1}
    assert book.stage(VALID) == {"restaged": 1}
    assert (book.row()["status"], book.row()["payload"]) == ("ready", VALID.payload)
    assert book.stage(VALID.but(withdrawn=True)) == {"withdrawn": 1}
    assert book.moves() == [("cancelled", "ready"), ("ready", "cancelled")]


@pytest.mark.parametrize("before", ["invalid", "rejected"])
def test_a_withdrawn_row_that_failed_is_cancelled(book: Book, before: str) -> None:
    book.stage(VALID)
    book.set(status=before)
    assert book.stage(VALID.but(withdrawn=True)) == {"withdrawn": 1}
    assert book.row()["status"] == "cancelled"


@pytest.mark.parametrize("before", ["ready", "invalid", "rejected", "cancelled"])
def test_a_row_that_another_tool_sent_meanwhile_is_imported(book: Book, before: str) -> None:
    book.stage(VALID)
    book.set(status=before)
    assert book.stage(VALID.but(already_sent="app-9")) == {"imported": 1}
    assert (book.row()["status"], book.row()["kombo_application_id"]) == ("delivered", "app-9")
    assert book.moves() == [(before, "delivered")]


def test_a_waiting_row_that_changed_gets_its_new_payload(book: Book) -> None:
    book.stage(VALID)
    assert book.stage(CHANGED_ROW.but(job_id="job-2"), run=LATER_RUN, endpoint="candidate") == {"restaged": 1}
    row = book.row()
    assert (row["status"], row["payload"], row["job_id"]) == ("ready", CHANGED_ROW.payload, "job-2")
    assert (row["run_id"], row["endpoint"]) == (LATER_RUN.run_id, "candidate")
    assert book.moves() == []


def test_a_waiting_row_that_did_not_change_becomes_the_run_s_own_and_keeps_its_place(book: Book) -> None:
    book.stage(VALID)
    staged_at = book.row()["staged_at"]
    assert book.stage(VALID, run=LATER_RUN) == {"already_known": 1}
    assert (book.row()["run_id"], book.row()["staged_at"]) == (LATER_RUN.run_id, staged_at)


def test_an_unchanged_waiting_row_follows_the_pipeline_to_another_endpoint(book: Book) -> None:
    book.stage(VALID)
    payload = '{"application":{"job_id":"job-1"},"candidate":{"first_name":"Zoë"}}'
    assert book.stage(VALID.but(payload=payload), endpoint="candidate") == {"already_known": 1}
    assert (book.row()["endpoint"], book.row()["payload"]) == ("candidate", payload)


@pytest.mark.parametrize("row", [VALID, CHANGED_ROW])
def test_staging_again_never_shortens_the_wait_of_an_ordered_resend(book: Book, row: Row) -> None:
    until = datetime.now(UTC) + timedelta(minutes=6)
    book.stage(VALID)
    book.set(attempts=1, ordered_resend=1, retryable_codes=2, not_before=until)
    book.stage(row)
    kept = book.row()
    assert (kept["not_before"], kept["ordered_resend"], kept["attempts"]) == (until, 1, 1)
    assert kept["retryable_codes"] == 2
    assert book.claim() == []


def test_a_waiting_row_that_became_invalid_is_not_sent(book: Book) -> None:
    book.stage(VALID)
    assert book.stage(INVALID) == {"invalid": 1}
    assert (book.row()["status"], book.row()["payload"]) == ("invalid", None)
    assert book.moves() == [("ready", "invalid")]


@pytest.mark.parametrize("before", ["invalid", "rejected"])
def test_a_row_that_failed_is_staged_again_only_if_it_changed(book: Book, before: str) -> None:
    book.stage(VALID)
    book.set(status=before, attempts=1, error_code="ATS.X", error_message="m", http_status=400, problems="[]")
    assert book.stage(VALID) == {"already_known": 1}
    assert book.row()["status"] == before
    assert book.stage(CHANGED_ROW) == {"restaged": 1}
    row = book.row()
    assert (row["status"], row["attempts"]) == ("ready", 1)
    assert [row[name] for name in ("error_code", "error_message", "http_status", "problems")] == [None] * 4
    assert book.moves() == [(before, "ready")]


def test_a_failed_row_that_is_still_invalid_counts_as_invalid(book: Book) -> None:
    book.stage(INVALID)
    assert book.stage(INVALID) == {"already_known": 1}
    assert book.stage(INVALID.but(payload_sha256="wrong-2", problems="[2]")) == {"invalid": 1}
    assert book.row()["problems"] == "[2]"


@pytest.mark.parametrize("before", ["sending", "in_doubt"])
@pytest.mark.parametrize(
    "row", [VALID, CHANGED_ROW, INVALID, VALID.but(withdrawn=True), VALID.but(already_sent="app-9")]
)
def test_a_row_on_the_wire_or_in_doubt_is_not_touched(book: Book, before: str, row: Row) -> None:
    book.stage(VALID)
    book.set(status=before)
    untouched = book.row()
    assert book.stage(row, run=LATER_RUN) == {"already_known": 1}
    assert book.row() == untouched


def test_a_delivered_row_never_changes(book: Book) -> None:
    book.deliver("1")
    delivered = book.row()
    assert book.stage(VALID) == {"already_known": 1}
    assert book.stage(CHANGED_ROW) == {"changed_after_delivery": 1}
    assert book.stage(VALID.but(withdrawn=True)) == {"already_known": 1}
    assert book.row() == delivered


def test_a_delivered_key_that_names_another_job_is_told(book: Book) -> None:
    book.deliver("1", "2")
    told: list[DeliveryKey] = []
    rows = [CHANGED_ROW, CHANGED_ROW.but(applicant_id="2", job_id="job-9")]
    with book.ledger.transaction() as conn:
        staging.lock_source(conn, STAGING.source)
        counts = staging.stage(conn, STAGING, rows, on_job_changed=told.append)
    assert counts == {"changed_after_delivery": 2}
    assert told == [key("2")]


@pytest.mark.parametrize("row", [VALID, CHANGED_ROW, VALID.but(withdrawn=True), VALID.but(already_sent="")])
def test_a_row_that_a_person_cancelled_stays_cancelled(book: Book, row: Row) -> None:
    book.stage(VALID)
    with book.ledger.transaction() as conn:
        assert erasure.forget(conn, key(), GRACE)
    assert book.stage(row) == {"already_known": 1}
    assert (book.row()["status"], book.row()["payload"]) == ("cancelled", None)


def test_a_backfill_s_rows_wait_behind_the_others_and_never_push_one_back(book: Book) -> None:
    book.stage(VALID, backfill=True)
    assert book.row()["priority"] == 1
    book.stage(VALID)
    assert book.row()["priority"] == 0
    book.stage(VALID, backfill=True)
    assert book.row()["priority"] == 0
    book.stage(CHANGED_ROW, backfill=True)
    assert book.row()["priority"] == 0


def test_every_row_counts_once(book: Book) -> None:
    book.deliver("delivered", "changed")
    book.stage(*(VALID.but(applicant_id=name) for name in ("known", "restaged")))
    counts = book.stage(
        VALID.but(applicant_id="new"),
        VALID.but(applicant_id="known"),
        VALID.but(applicant_id="delivered"),
        CHANGED_ROW.but(applicant_id="restaged"),
        CHANGED_ROW.but(applicant_id="changed"),
        INVALID.but(applicant_id="invalid"),
        VALID.but(applicant_id="imported", already_sent=""),
        VALID.but(applicant_id="withdrawn", withdrawn=True),
    )
    expected = {"already_known": 2} | dict.fromkeys(
        ("new", "restaged", "changed_after_delivery", "invalid", "imported", "withdrawn"), 1
    )
    assert counts == expected
    assert set(counts) <= set(COUNTERS)


def test_keys_are_told_apart_exactly(book: Book) -> None:
    names = [
        "1",
        "01",
        "a",
        "A",
        "ß",
        "ss",
        "\u00e9",
        "e\u0301",
        "a:b",
        "a'b",
        'a"b',
        "a\\b",
        "%",
        "{}",
        "1,2",
        "NULL",
        "🙂",
    ]
    rows = [VALID.but(applicant_id=name, integration_id=where) for name in names for where in ("a:b", "a:B")]
    assert book.stage(*rows) == {"new": len(rows)}
    assert book.stage(*rows) == {"already_known": len(rows)}
    with book.ledger.transaction() as conn:
        asked = [("a:b", name) for name in names] + [("a:c", "1"), ("a:b", "2")]
        assert staging.known_keys(conn, STAGING.source, asked) == {("a:b", name) for name in names}
        assert staging.known_keys(conn, "other", asked) == set()
        assert staging.known_keys(conn, STAGING.source, []) == set()


def test_odd_text_survives_on_both_databases(book: Book) -> None:
    payload = '{"a":"tab\\t nl\\n \\\\N \\\\. quote \'"}\t\n\\N\\.'
    book.stage(VALID.but(payload=payload, job_id="\\N"))
    assert (book.row()["payload"], book.row()["job_id"]) == (payload, "\\N")


def test_no_rows_is_no_work(book: Book) -> None:
    assert book.stage() == {}


def test_holds_any_looks_at_one_source(book: Book) -> None:
    book.stage(VALID)
    with book.ledger.transaction() as conn:
        assert staging.holds_any(conn, "crm.applicants")
        assert not staging.holds_any(conn, "crm.others")


def test_foreseeing_changes_nothing(book: Book) -> None:
    book.stage(VALID)
    before = book.row()
    with book.ledger.transaction() as conn:
        foreseen = staging.foresee(conn, STAGING.source, [CHANGED_ROW, VALID.but(applicant_id="2")])
    assert foreseen == [("restaged", Status.READY), ("new", Status.READY)]
    assert book.row() == before
