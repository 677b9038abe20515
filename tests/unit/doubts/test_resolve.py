"""A look-up settles what is proven, and one row that cannot be looked up keeps no other from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from kombo_provider.client.query import query_pairs
from kombo_provider.doubts.questions import Asked, carry_out, close, collect
from kombo_provider.doubts.replies import Reply
from kombo_provider.doubts.resolve import LOOK_UPS_AT_MOST, RECORDS_AT_MOST, resolve
from kombo_provider.errors import AccountError, ApiError, CursorError, IntegrationError
from kombo_provider.ledger import Resolution, Status, doubts
from tests.unit.ledger.book import GRACE, RUN, VALID, Book

SOURCE = "crm.applicants"
A, B = "greenhouse:a", "personio:b"
NO_TIME = timedelta()
WEEK = timedelta(days=7)


class Kombo:
    """Answers look-ups by candidate from a script: records by e-mail, or an error."""

    def __init__(self, **by_email: Any) -> None:
        self.by_email = by_email
        self.failing: dict[str, Exception] = {}
        self.by_job: list[dict[str, Any]] = []
        self.asked = 0

    def candidates(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        self.asked += 1
        name = str(filters.get("email", "")).partition("@")[0]
        if error := self.failing.get(name) or self.failing.get(integration_id):
            raise error
        yield from self.by_email.get(name, [])

    def applications(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        query_pairs(filters)  # raises for what no URL can say, as the client does
        yield from self.by_job


def candidate(name: str, created_at: Any = "2099-01-01T12:00:00Z", **application: Any) -> dict[str, Any]:
    """A candidate with one application to job-1."""
    made = {"id": f"app-{name}", "job": {"id": "job-1"}, "remote_created_at": created_at} | application
    return {
        "id": f"cand-{name}",
        "email_addresses": [{"email_address": f"{name}@example.com"}],
        "applications": [made],
    }


def put_in_doubt(book: Book, *names: str, lane: str = A, job_id: str = "job-1", **said: Any) -> None:
    """Stage rows with these names and lose their answers."""
    rows = [
        VALID.but(
            applicant_id=name,
            integration_id=lane,
            job_id=job_id,
            payload=json.dumps({"candidate": {"email_address": f"{name.partition(':')[0]}@example.com"}}),
        )
        for name in names
    ]
    book.stage(*rows, **said)
    for intent in book.claim(len(names), lane=lane):
        book.record(intent, Status.IN_DOUBT)


def look_up(book: Book, kombo: Kombo) -> dict[str, int]:
    return dict(resolve(book.ledger, kombo, "crm.applicants", "kombo_default", RUN))


def asked(book: Book, timeout: timedelta = NO_TIME) -> dict[str, list[str]]:
    questions = collect(book.ledger, "crm.applicants", timeout=timeout, open_for=WEEK)
    return {question.integration_id: sorted(question.attempts) for question in questions}


@pytest.mark.parametrize("created_at", [None, "2099-01-01", "2099-01-01T00:00:00Z", "2001-01-01T12:00:00Z", 5])
def test_an_application_that_is_not_proven_to_be_younger_than_the_request_is_not_taken(
    book: Book, created_at: Any
) -> None:
    put_in_doubt(book, "ada")
    assert look_up(book, Kombo(ada=[candidate("ada", created_at)])) == {"still in doubt": 1}


def test_an_application_made_after_the_request_is_taken(book: Book) -> None:
    put_in_doubt(book, "ada")
    assert look_up(book, Kombo(ada=[candidate("ada")])) == {"delivered": 1}
    assert (book.row("ada")["resolution"], book.row("ada")["kombo_application_id"]) == (Resolution.LOOKUP, "app-ada")


def test_an_application_that_an_already_sent_row_of_another_source_owns_is_not_taken(book: Book) -> None:
    sent = VALID.but(applicant_id="old", already_sent="app-ada", payload=None)
    book.stage(sent, source="older.tool")
    put_in_doubt(book, "ada")
    assert look_up(book, Kombo(ada=[candidate("ada")])) == {"still in doubt": 1}


def test_what_two_sources_have_in_doubt_for_one_person_and_job_is_given_to_neither(book: Book) -> None:
    put_in_doubt(book, "ada")
    put_in_doubt(book, "ada:2")
    book.set("ada:2", source="another.source")
    assert look_up(book, Kombo(ada=[candidate("ada")])) == {"still in doubt": 1}


@pytest.mark.parametrize(
    "error",
    [
        ApiError("a 400", http_status=400),
        ApiError("no page of Kombo's", http_status=200),
        CursorError("the same cursor twice"),
        ApiError("a 500", http_status=500),
        ApiError("no answer"),
        RecursionError("ada@example.com"),
        KeyError("ada@example.com"),
    ],
    ids=str,
)
def test_one_row_that_cannot_be_looked_up_keeps_no_other_from_it(
    book: Book, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    put_in_doubt(book, "ada", "bob", "eve")
    put_in_doubt(book, "joe", lane=B)
    kombo = Kombo(bob=[candidate("bob")], joe=[candidate("joe")])
    kombo.failing["ada"] = error
    assert look_up(book, kombo) == {"delivered": 2, "still in doubt": 1, "unreadable": 1}
    assert "eve" in asked(book)[A]
    assert "ada@" not in caplog.text


def test_a_row_whose_own_look_up_is_refused_is_asked_about_with_the_others(book: Book) -> None:
    put_in_doubt(book, "ada", "eve")
    kombo = Kombo()
    kombo.failing["ada"] = ApiError("a 400", http_status=400)
    look_up(book, kombo)
    assert asked(book) == {A: ["ada", "eve"]}


def test_an_integration_that_cannot_be_read_keeps_no_other_from_it_and_is_asked_about_a_day_later(book: Book) -> None:
    put_in_doubt(book, "ada", "eve")
    put_in_doubt(book, "joe", lane=B)
    kombo = Kombo(joe=[candidate("joe")])
    kombo.failing[A] = IntegrationError("blocked", code="INTEGRATION.QA_FAILED")
    assert look_up(book, kombo) == {"unreadable": 2, "delivered": 1}
    assert kombo.asked == 2
    assert asked(book) == {}
    for name in ("ada", "eve"):
        book.set(name, sent_at=book.row(name)["sent_at"] - timedelta(days=2))
    assert asked(book) == {A: ["ada", "eve"]}


def test_a_refused_api_key_fails_the_look_up(book: Book) -> None:
    put_in_doubt(book, "ada")
    kombo = Kombo()
    kombo.failing[A] = AccountError("refused", http_status=401)
    with pytest.raises(AccountError):
        look_up(book, kombo)


def test_a_silent_server_is_not_waited_for_once_per_row(book: Book) -> None:
    put_in_doubt(book, *(f"p{number}" for number in range(20)))
    kombo = Kombo()
    kombo.failing[A] = ApiError("no answer")
    assert look_up(book, kombo) == {"unreadable": 20}
    assert kombo.asked < 5


@pytest.mark.parametrize("job_id", ["remote:12,5", "12,5"])
def test_a_job_with_a_comma_is_looked_up_by_candidate(book: Book, job_id: str) -> None:
    put_in_doubt(book, "ada", job_id=job_id)
    job = {"id": job_id, "remote_id": job_id.removeprefix("remote:")}
    assert look_up(book, Kombo(ada=[candidate("ada", job=job)])) == {"delivered": 1}


def test_rows_whose_already_sent_holds_a_comma_keep_no_other_from_its_ids(book: Book) -> None:
    sent = ["1,2", "3,4", "5,6", "app-9"]
    rows = [VALID.but(applicant_id=str(number), already_sent=name, payload=None) for number, name in enumerate(sent)]
    book.stage(*rows)
    kombo = Kombo()
    kombo.by_job = [{"id": "app-9", "remote_id": "r-9", "candidate": {"id": "cand-9"}}]
    assert look_up(book, kombo) == {"ids still missing": 3, "ids filled in": 1}


def test_a_job_with_more_applications_than_can_be_read_proves_nothing_and_ends(book: Book) -> None:
    put_in_doubt(book, "ada", "bob")
    kombo = Kombo(bob=[candidate("bob")])
    kombo.by_job = [{"id": "other"}] * (RECORDS_AT_MOST + 1)
    assert look_up(book, kombo) == {"unreadable": 1, "delivered": 1}


def test_a_page_with_odd_records_raises_nothing(book: Book) -> None:
    put_in_doubt(book, "ada")
    odd = [{}, {"email_addresses": 5}, candidate("ada") | {"applications": {"id": "x"}}, candidate("ada", job=None)]
    assert look_up(book, Kombo(ada=odd)) == {"still in doubt": 1}


def test_an_integration_with_many_doubts_leaves_another_its_turn(book: Book) -> None:
    put_in_doubt(book, *(f"p{number}" for number in range(LOOK_UPS_AT_MOST + 10)))
    put_in_doubt(book, "joe", lane=B)
    assert look_up(book, Kombo()) == {"still in doubt": LOOK_UPS_AT_MOST + 1}


def test_look_ups_of_many_rows_read_each_payload_a_few_times_and_not_once_for_each_other_row(book: Book) -> None:
    names = [f"p{number}" for number in range(40)]
    put_in_doubt(book, *names)
    read: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT kombo_deliveries.payload"):
            read.append(statement)

    event.listen(book.ledger.engine, "before_cursor_execute", note)
    assert look_up(book, Kombo(**{name: [candidate(name)] for name in names})) == {"delivered": len(names)}
    assert len(names) <= len(read) <= 4 * len(names)


def test_nobody_is_asked_while_a_request_may_still_be_executed(book: Book) -> None:
    put_in_doubt(book, "ada")
    look_up(book, Kombo())
    assert asked(book, timeout=timedelta(seconds=300)) == {}
    book.set("ada", sent_at=book.row("ada")["sent_at"] - timedelta(seconds=301))
    assert asked(book, timeout=timedelta(seconds=300)) == {A: ["ada"]}


def test_a_send_again_that_ends_in_doubt_is_asked_about_before_the_first_questions_week_is_over(book: Book) -> None:
    put_in_doubt(book, "ada")
    look_up(book, Kombo())
    assert asked(book) == {A: ["ada"]}
    assert asked(book) == {}
    question = Asked(A, {"ada": 1})
    carry_out(
        book.ledger, Reply.SEND_AGAIN, SOURCE, question, by=GRACE, timeout=NO_TIME, ask_again_after=timedelta(days=1)
    )
    close(book.ledger, SOURCE, question, "")
    book.set("ada", not_before=None)
    (intent,) = book.claim()
    book.record(intent, Status.IN_DOUBT)
    assert asked(book) == {}, "the second request was not looked up yet"
    look_up(book, Kombo())
    assert asked(book) == {A: ["ada"]}


def test_rows_to_look_up_carry_no_payload_whose_files_may_be_megabytes(book: Book) -> None:
    put_in_doubt(book, *(f"p{number}" for number in range(5)))
    with book.ledger.transaction() as conn:
        for doubt in doubts.to_look_up(conn, "crm.applicants", "kombo_default", 10):
            assert "payload" not in repr(doubt)
            assert "@example.com" not in repr(doubt)
            assert doubt.email is not None


@pytest.mark.parametrize("reply", Reply)
def test_an_answer_about_one_request_decides_nothing_about_a_later_one(book: Book, reply: Reply) -> None:
    put_in_doubt(book, "ada")
    with book.ledger.transaction() as conn:
        doubts.order_resend(conn, doubts.in_doubt(conn, "crm.applicants"), NO_TIME, GRACE)
    book.set("ada", not_before=None)
    (intent,) = book.claim()
    book.record(intent, Status.IN_DOUBT)
    first = Asked(A, {"ada": 1})
    done = carry_out(
        book.ledger, reply, "crm.applicants", first, by=GRACE, timeout=NO_TIME, ask_again_after=timedelta(days=1)
    )
    assert (done, book.row("ada")["status"], book.row("ada")["ask_after"]) == (0, "in_doubt", None)


def test_look_ups_end_with_their_time_and_the_next_run_takes_the_rest(book: Book) -> None:
    lanes = [f"greenhouse:{number:02}" for number in range(12)]
    for lane in lanes:
        put_in_doubt(book, "ada", "bob", lane=lane)
    kombo = Kombo(ada=[], bob=[])

    def run() -> dict[str, int]:
        until = kombo.asked + 3
        over = resolve(book.ledger, kombo, SOURCE, "kombo_default", RUN, is_over=lambda: kombo.asked >= until)
        return dict(over)

    assert run() == {"still in doubt": 3, "left": 21}
    for _ in range(8):
        run()
    looked_up = [lane for lane in lanes if book.row("ada", lane)["looked_up_at"] is not None]
    assert len(looked_up) > 2, "it is not the same integrations that are left each time"
