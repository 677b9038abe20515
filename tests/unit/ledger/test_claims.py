"""The two commits around every request: what may leave, and what is made of answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from kombo_provider.ledger import claims, doubts, replay, results
from kombo_provider.ledger._tables import IS_READY, IS_TO_WRITE_BACK, IS_UNSETTLED, deliveries
from kombo_provider.ledger.ledger import Ledger
from kombo_provider.ledger.results import Result
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.status import RunRef, Status
from tests.unit.ledger.book import GRACE, RUN, SELECTION, VALID, Book, key

HOUR = timedelta(hours=1)


def _claimed(book: Book, limit: int = 10, selection: Selection = SELECTION) -> list[str]:
    return [intent.key.applicant_id for intent in book.claim(limit, selection)]


def test_an_intent_is_committed_before_its_request(book: Book) -> None:
    book.stage(VALID.but(has_files=True))
    run = RunRef("kombo_push", "manual__2")
    (intent,) = book.claim(run=run)
    assert (intent.key, intent.attempt, intent.endpoint, intent.job_id) == (key(), 1, "application", "job-1")
    assert (intent.payload, intent.has_files, intent.ordered_resend) == (VALID.payload, True, False)
    row = book.row()
    assert (row["status"], row["attempts"], row["run_id"]) == ("sending", 1, "manual__2")
    assert row["first_sent_at"] == row["sent_at"] is not None
    assert book.moves() == [("ready", "sending")]
    assert book.claim() == [], "a row on the wire is not claimed again"


def test_urgent_rows_leave_first_then_the_oldest(book: Book) -> None:
    book.stage(VALID.but(applicant_id="backfilled"), backfill=True)
    book.stage(VALID.but(applicant_id="b"), VALID.but(applicant_id="a"))
    book.stage(VALID.but(applicant_id="0"))
    assert [_claimed(book, 1) for _ in range(5)] == [["a"], ["b"], ["0"], ["backfilled"], []]


def test_a_row_that_is_not_due_stays(book: Book) -> None:
    due_at = datetime.now(UTC) + HOUR
    book.stage(VALID, VALID.but(applicant_id="2"))
    book.set("1", not_before=due_at)
    book.set("2", not_before=due_at - 2 * HOUR)
    assert _claimed(book) == ["2"]
    with book.ledger.transaction() as conn:
        assert claims.next_due(conn, SELECTION, ["greenhouse:a"]) == due_at
        assert claims.next_due(conn, SELECTION, ["lever:b"]) is None


def test_a_run_takes_only_what_it_selects(book: Book) -> None:
    book.stage(VALID, VALID.but(applicant_id="2"), run=RunRef("kombo_push", "manual__1"))
    book.stage(VALID.but(applicant_id="3"), VALID.but(applicant_id="4", integration_id="lever:b"))
    named = Selection("crm.applicants", "kombo_default", applicant_ids=("2", "9"))
    of_run = Selection("crm.applicants", "kombo_default", staged_by=RunRef("kombo_push", "manual__1"))
    for other in (Selection("crm.others", "kombo_default"), Selection("crm.applicants", "kombo_test")):
        assert _claimed(book, selection=other) == []
    with book.ledger.transaction() as conn:
        assert claims.count_ready(conn, SELECTION) == {"greenhouse:a": 3, "lever:b": 1}
        assert claims.count_ready(conn, SELECTION, ["lever:b"]) == {"lever:b": 1}
        assert claims.count_ready(conn, named) == {"greenhouse:a": 1}
    assert _claimed(book, selection=named) == ["2"]
    assert _claimed(book, selection=of_run) == ["1"]
    assert _claimed(book) == ["3"]


def _fit(book: Book, room: int, files: int = 0) -> list[str]:
    with book.ledger.transaction() as conn:
        intents = claims.claim(conn, SELECTION, "greenhouse:a", 10, RUN, claims.Memory(room, files))
    return [intent.key.applicant_id for intent in intents]


def test_a_claim_ends_in_turn_with_the_row_that_fills_the_memory(book: Book) -> None:
    large = VALID.but(payload=f'{{"candidate":{{"first_name":"{"a" * 1000}"}}}}')
    book.stage(*(large.but(applicant_id=str(number)) for number in range(5)), large.but(applicant_id="5"))
    assert _fit(book, 4_500) == ["0", "1", "2"]
    assert _fit(book, 1) == ["3"], "one row is claimed however large it is"
    assert _fit(book, 100_000) == ["4", "5"]


def test_rows_with_files_count_what_their_files_are_expected_to_take(book: Book) -> None:
    book.stage(VALID, VALID.but(applicant_id="2", has_files=True), VALID.but(applicant_id="3"))
    assert _fit(book, 10_000, files=10_000) == ["1", "2"]


def test_attempts_are_never_reset(book: Book) -> None:
    book.stage(VALID)
    for attempt in (1, 2, 3):
        (intent,) = book.claim()
        assert intent.attempt == attempt
        book.record(intent, Status.READY)
    (intent,) = book.claim()
    book.record(intent, Status.REJECTED)
    book.stage(VALID.but(payload_sha256="other"))
    assert book.row()["attempts"] == 4
    first_sent_at = book.row()["first_sent_at"]
    assert book.claim()[0].attempt == 5
    assert book.row()["first_sent_at"] == first_sent_at


def test_a_row_to_be_tried_later_waits_by_the_database_s_clock(book: Book) -> None:
    book.stage(VALID)
    (intent,) = book.claim()
    with book.ledger.transaction() as conn:
        result = Result(
            intent=intent,
            status=Status.READY,
            retry_after_seconds=30.0,
            retryable_codes=1,
            error_code="REMOTE.UNAVAILABLE",
        )
        results.record(conn, [result], RUN)
    row = book.row()
    assert row["not_before"] - row["finished_at"] == timedelta(seconds=30)
    assert row["retryable_codes"] == 1
    assert book.claim() == []


def test_a_resend_of_a_request_whose_clock_was_a_year_ahead_waits_no_year(book: Book) -> None:
    book.stage(VALID)
    book.claim()
    book.acquire("task-2")
    book.set("1", sent_at=datetime.now(UTC) + timedelta(days=365))
    with book.ledger.transaction() as conn:
        doubts.order_resend(conn, doubts.in_doubt(conn, "crm.applicants"), HOUR, GRACE)
    assert book.row()["not_before"] <= datetime.now(UTC) + 2 * HOUR


def test_claims_that_their_sender_never_heard_of_are_taken_back(book: Book) -> None:
    book.stage(VALID, VALID.but(applicant_id="2"), VALID.but(applicant_id="3", integration_id="lever:b"))
    book.claim(lane="lever:b")
    known, _ = (intent.key for intent in book.claim())
    with book.ledger.transaction() as conn:
        assert claims.take_back(conn, "greenhouse:a", "kombo_default", {known}) == 1
    assert book.statuses() == {"sending": 2, "ready": 1}
    assert book.moves("2") == [("ready", "sending"), ("sending", "ready")]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite's writers lock the whole ledger
def test_a_claim_passes_over_rows_that_somebody_has_locked(book: Book, open_ledger: Callable[[], Ledger]) -> None:
    book.stage(VALID, VALID.but(applicant_id="2"))
    with open_ledger().transaction() as conn:
        conn.execute(select(deliveries).where(deliveries.c.applicant_id == "1").with_for_update())
        assert _claimed(book) == ["2"]
    assert _claimed(book) == ["1"]


@pytest.mark.parametrize("status", ["ready", "sending", "to write back"])
def test_what_every_commit_asks_is_served_by_an_index_whatever_the_ledgers_size(
    book: Book, status: str, database_url: str
) -> None:
    query, index = {
        "ready": (select(deliveries.c.applicant_id).where(*SELECTION.conditions(), IS_READY), "kombo_deliveries_ready"),
        "sending": (select(deliveries.c.applicant_id).where(IS_UNSETTLED), "kombo_deliveries_unsettled"),
        "to write back": (select(deliveries.c.applicant_id).where(IS_TO_WRITE_BACK), "kombo_deliveries_to_write_back"),
    }[status]
    explain = "EXPLAIN QUERY PLAN" if database_url.startswith("sqlite") else "EXPLAIN"
    with book.ledger.transaction() as conn:
        if explain == "EXPLAIN":
            conn.exec_driver_sql("SET enable_seqscan = off")
        compiled = query.compile(conn)  # with its parameters, as it is sent
        names = compiled.positiontup
        parameters = compiled.params if names is None else tuple(compiled.params[name] for name in names)
        plan = " ".join(str(row) for row in conn.exec_driver_sql(f"{explain} {compiled}", parameters))
    assert index in plan


def test_a_held_row_is_taken_by_no_claim(book: Book) -> None:
    book.stage(VALID)
    book.set(hold="approval")
    assert book.claim() == []
    book.set(hold=None)
    assert len(book.claim()) == 1


def test_a_row_that_changes_does_not_get_its_tries_anew(book: Book) -> None:
    book.stage(VALID)
    for number in (1, 2):
        book.record(book.claim()[0], Status.READY, retryable_codes=number, error_code="REMOTE.SERVICE_UNAVAILABLE")
    book.record(book.claim()[0], Status.REJECTED, retryable_codes=3, error_code="REMOTE.SERVICE_UNAVAILABLE")

    assert book.stage(VALID.but(payload_sha256="changed")) == {"already_known": 1}
    assert book.row()["status"] == "rejected"
    book.set(status="ready")
    assert book.claim() == []


def test_a_replay_by_a_person_gives_a_row_new_tries(book: Book) -> None:
    book.stage(VALID)
    book.record(book.claim()[0], Status.REJECTED, retryable_codes=3, error_code="REMOTE.SERVICE_UNAVAILABLE")
    with book.ledger.transaction() as conn:
        assert replay.order_replay(conn, "crm.applicants", {"REMOTE.SERVICE_UNAVAILABLE"})
    assert book.stage(VALID) == {"restaged": 1}
    assert len(book.claim()) == 1
