"""What becomes of each row that the SELECT returned (contract, sections 5 and 8)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, select

from kombo_provider.ledger import claims, erasure, staging
from kombo_provider.ledger._decisions import COUNTERS
from kombo_provider.ledger._tables import sources
from kombo_provider.ledger.ledger import Ledger
from kombo_provider.ledger.status import DeliveryKey, RunRef, Status
from tests.unit.ledger.book import CHANGED, GRACE, INVALID, RUN, SELECTION, STAGING, VALID, Book, Row, key

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


def test_the_watermark_moves_only_forward(ledger: Ledger) -> None:
    seen = []
    for at in (CHANGED, CHANGED - timedelta(days=1), CHANGED + timedelta(hours=1)):
        with ledger.transaction() as conn:
            staging.lock_source(conn, "s")
            staging.move_watermark(conn, "s", at)
            seen.append(staging.watermark(conn, "s"))
    assert seen == [CHANGED, CHANGED, CHANGED + timedelta(hours=1)]
    with ledger.transaction() as conn:
        assert staging.watermark(conn, "other") is None


def test_a_watermark_of_a_clock_that_was_a_year_ahead_is_not_believed(book: Book) -> None:
    ahead = datetime.now(UTC) + timedelta(days=365)
    book.stage(VALID, VALID.but(applicant_id="2", changed_at=CHANGED - timedelta(days=3)))
    with book.ledger.transaction() as conn:
        conn.execute(sources.update().values(watermark=ahead))
        assert staging.watermark(conn, STAGING.source) == CHANGED, "how far the rows got that the ledger has"
        staging.lock_source(conn, STAGING.source)
        staging.move_watermark(conn, STAGING.source, CHANGED + timedelta(hours=1))
    with book.ledger.transaction() as conn:
        assert conn.scalar(select(sources.c.watermark)) == CHANGED + timedelta(hours=1)


def test_a_clock_that_is_ahead_moves_no_watermark_beyond_now(ledger: Ledger) -> None:
    with ledger.transaction() as conn:
        staging.lock_source(conn, "s")
        staging.move_watermark(conn, "s", datetime.now(UTC) + timedelta(days=365))
        found = staging.watermark(conn, "s")
    assert found is not None
    assert found <= datetime.now(UTC)


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


def test_two_stagings_of_the_same_keys_add_up(book: Book, open_ledger: Callable[[], Ledger]) -> None:
    rows = [VALID.but(applicant_id=str(number)) for number in range(400)]
    counts: Counter[str] = Counter()
    ledgers = [open_ledger() for _ in range(3)]

    def stage(ledger: Ledger) -> None:
        for start in range(0, len(rows), 100):
            counts.update(Book(ledger).stage(*rows[start : start + 100]))

    threads = [threading.Thread(target=stage, args=(ledger,)) for ledger in ledgers]
    _run(threads)
    assert counts == {"new": 400, "already_known": 800}
    assert book.statuses() == {"ready": 400}


def test_staging_and_claiming_the_same_rows_at_once(book: Book, open_ledger: Callable[[], Ledger]) -> None:
    """No deadlock and no waiting: each passes over what the other has locked, and what left is what was claimed."""
    rows = [VALID.but(applicant_id=str(number)) for number in range(120)]
    book.stage(*rows)
    claimed: list[claims.Intent] = []
    errors: list[Exception] = []
    other = Book(open_ledger())

    def send() -> None:
        try:
            until = time.monotonic() + 30
            while len(claimed) < len(rows) and time.monotonic() < until:
                claimed.extend(other.claim(7))
        except Exception as exc:  # noqa: BLE001 - shown by the assertion below
            errors.append(exc)

    sender = threading.Thread(target=send)
    sender.start()
    version = 2
    while sender.is_alive():
        changed = [row.but(payload=f'"{version}"', payload_sha256=str(version)) for row in reversed(rows)]
        counts = book.stage(*changed)
        assert sum(counts.values()) == 120
        version += 1
    _run([sender])
    assert errors == []
    assert sorted(intent.key for intent in claimed) == sorted(key(str(number)) for number in range(120))
    for intent in claimed:
        assert book.row(intent.key.applicant_id)["payload"] == intent.payload


def test_staging_does_not_wait_for_rows_that_a_sender_has_locked_on_postgresql(postgres_url: str) -> None:
    book, sender = (Book(Ledger(create_engine(postgres_url))) for _ in range(2))
    book.ledger.ensure()
    book.stage(VALID, VALID.but(applicant_id="2"))
    with sender.ledger.transaction() as conn:
        claims.claim(conn, SELECTION, "greenhouse:a", 1, RUN)
        started = time.monotonic()
        assert book.stage(CHANGED_ROW, CHANGED_ROW.but(applicant_id="2")) == {"already_known": 1, "restaged": 1}
        assert time.monotonic() - started < 5
    assert (book.row("1")["status"], book.row("1")["payload"]) == ("sending", VALID.payload)
    book.ledger.close()
    sender.ledger.close()


def test_a_failed_transaction_leaves_nothing(book: Book) -> None:
    def fail() -> None:
        with book.ledger.transaction() as conn:
            staging.lock_source(conn, STAGING.source)
            staging.stage(conn, STAGING, [VALID])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert book.statuses() == {}


def _run(threads: list[threading.Thread]) -> None:
    for thread in threads:
        if thread.ident is None:
            thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
