"""What became of an intent: recorded once, late answers included, and never against a later decision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from kombo_provider.ledger import _tables, claims, doubts, history, results
from kombo_provider.ledger.ledger import Ledger
from kombo_provider.ledger.results import Result
from kombo_provider.ledger.status import Status
from tests.unit.ledger.book import GRACE, RUN, VALID, Book, key

HOUR = timedelta(hours=1)


def test_a_delivered_row_keeps_the_ids_and_no_payload(book: Book) -> None:
    book.stage(VALID)
    (intent,) = book.claim()
    book.record(intent, Status.DELIVERED, kombo_application_id="app", kombo_candidate_id="c", resolution="response")
    row = book.row()
    assert (row["status"], row["payload"], row["resolution"]) == ("delivered", None, "response")
    assert (row["kombo_application_id"], row["kombo_candidate_id"]) == ("app", "c")
    assert row["finished_at"] >= row["sent_at"]
    assert book.moves() == [("ready", "sending"), ("sending", "delivered")]


def test_a_refused_row_keeps_its_payload_and_the_reason(book: Book) -> None:
    book.stage(VALID)
    (intent,) = book.claim()
    book.record(intent, Status.REJECTED, error_code="ATS.X", http_status=400, error_message="no", log_url="https://x")
    row = book.row()
    assert (row["status"], row["payload"], row["error_code"]) == ("rejected", VALID.payload, "ATS.X")
    assert (row["http_status"], row["log_url"]) == (400, "https://x")


@pytest.fixture
def taken_over(book: Book, open_ledger: Callable[[], Ledger]) -> claims.Intent:
    """A row whose sender lost its lane while the request was on the wire."""
    book.stage(VALID)
    assert book.acquire("task-1")
    (intent,) = book.claim()
    with book.ledger.transaction() as conn:
        conn.execute(_tables.lanes.update().values(lease_expires_at=datetime.now(UTC) - HOUR))
    assert Book(open_ledger()).acquire("task-2")
    assert book.row()["status"] == "in_doubt"
    return intent


def test_a_late_success_of_a_fenced_holder_is_proof(book: Book, taken_over: claims.Intent) -> None:
    book.record(taken_over, Status.DELIVERED, kombo_application_id="app", resolution="response")
    assert (book.row()["status"], book.row()["kombo_application_id"]) == ("delivered", "app")
    assert book.moves()[-2:] == [("sending", "in_doubt"), ("in_doubt", "delivered")]


@pytest.mark.parametrize("status", [Status.READY, Status.REJECTED])
def test_a_late_answer_of_a_fenced_holder_ends_the_doubt(book: Book, taken_over: claims.Intent, status: Status) -> None:
    book.record(taken_over, status, error_code="ATS.X")
    assert (book.row()["status"], book.row()["error_code"]) == (status, "ATS.X")
    assert book.moves()[-1] == ("in_doubt", status)


@pytest.mark.parametrize("status", [Status.READY, Status.REJECTED])
def test_a_late_answer_changes_nothing_once_a_person_has_decided(
    book: Book, taken_over: claims.Intent, status: Status
) -> None:
    with book.ledger.transaction() as conn:
        doubts.give_up(conn, doubts.in_doubt(conn, "crm.applicants"), GRACE)
    before, moves = book.row(), book.moves()
    book.record(taken_over, status, error_code="ATS.X")
    assert (book.row(), book.moves()) == (before, moves)


def test_a_late_success_is_proof_even_after_the_row_was_ordered_to_be_sent_again(
    book: Book, taken_over: claims.Intent
) -> None:
    with book.ledger.transaction() as conn:
        doubts.order_resend(conn, doubts.in_doubt(conn, "crm.applicants"), HOUR, GRACE)
    assert book.row()["status"] == "ready"
    book.record(taken_over, Status.REJECTED)
    assert book.row()["status"] == "ready"
    book.record(taken_over, Status.DELIVERED, kombo_application_id="app")
    assert (book.row()["status"], book.row()["kombo_application_id"]) == ("delivered", "app")
    assert book.moves()[-1] == ("ready", "delivered")


def test_a_success_that_finds_its_row_moved_on_is_given_back(book: Book) -> None:
    book.stage(VALID)
    (intent,) = book.claim()
    book.set(status="cancelled")
    success = Result(intent=intent, status=Status.DELIVERED)
    with book.ledger.transaction() as conn:
        assert results.record(conn, [success], RUN) == [success]
        (*_, told) = history.history(conn, key())
    assert (told["from_status"], told["to_status"]) == ("cancelled", "cancelled")
    assert told["actor_name"] == results.POSSIBLE_DUPLICATE


def test_an_answer_to_an_earlier_attempt_is_not_recorded(book: Book) -> None:
    book.stage(VALID)
    (first,) = book.claim()
    book.set(status="ready")
    book.claim()
    book.record(first, Status.REJECTED, error_code="ATS.X")
    assert (book.row()["status"], book.row()["error_code"]) == ("sending", None)


def test_answers_of_many_kinds_are_one_transaction(book: Book) -> None:
    names = ("a", "b", "c")
    book.stage(*(VALID.but(applicant_id=name) for name in names))
    statuses = (Status.DELIVERED, Status.REJECTED, Status.IN_DOUBT)
    answers = [Result(intent=intent, status=status) for intent, status in zip(book.claim(), statuses, strict=True)]
    with book.ledger.transaction() as conn:
        results.record(conn, answers, RUN)
    assert [book.row(name)["status"] for name in names] == ["delivered", "rejected", "in_doubt"]


def test_of_many_answers_only_those_that_change_a_row_enter_the_history(book: Book) -> None:
    names = ("a", "b", "c")
    book.stage(*(VALID.but(applicant_id=name) for name in names))
    intents = book.claim()
    book.set("b", status="in_doubt")
    book.set("c", status="cancelled")
    with book.ledger.transaction() as conn:
        results.record(conn, [Result(intent=intent, status=Status.DELIVERED) for intent in intents], RUN)
    assert [book.row(name)["status"] for name in names] == ["delivered", "delivered", "cancelled"]
    assert [book.moves(name)[1:] for name in names] == [
        [("sending", "delivered")],
        [("in_doubt", "delivered")],
        [("cancelled", "cancelled")],  # a success that may be a duplicate
    ]


def test_a_delivered_row_keeps_no_text_of_kombo_s(book: Book) -> None:
    book.stage(VALID)
    texts = {"error_title": "Ada", "error_message": "Ada Lovelace", "warnings": '["Ada"]'}
    book.record(book.claim()[0], Status.DELIVERED, kombo_application_id="app", **texts)
    assert {name: book.row()[name] for name in (*texts, "payload")} == dict.fromkeys((*texts, "payload"))
