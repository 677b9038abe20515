"""Pages that repeat, shift or shrink while they are read: nothing lost, nothing twice."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from kombo_provider.errors import CursorError
from kombo_provider.sync.pull import batches
from tests.unit.ledger.book import VALID, Book
from tests.unit.sync.kombo import FIVE, A, B, Kombo, application, candidate, candidates, five, ids, stored, sync


def test_a_cursor_that_repeats_keeps_what_was_read_and_reads_it_again_next_time(book: Book) -> None:
    book.deliver(*FIVE)
    book.deliver("6", kombo_application_id="app-6")
    book.set("6", integration_id=B)
    kombo = five()
    kombo.put("applications", application("6"), of=B)

    def repeat(model: str, integration_id: str, number: int) -> None:
        if model == "applications" and integration_id == A and number == 2:
            raise CursorError("gave the same cursor twice", integration_id=A)

    kombo.before = repeat
    report = sync(book.ledger, kombo, "applications")
    assert report.failed == {A: "no answer"} or A in report.failed
    assert "app-6" in ids(book.ledger)
    kombo.before = None
    sync(book.ledger, kombo, "applications")
    assert len(ids(book.ledger)) == 6


def test_a_record_on_two_pages_is_one_row_as_it_was_read_last(book: Book) -> None:
    book.deliver(*FIVE)
    kombo = five()

    def shift(model: str, integration_id: str, number: int) -> None:
        if number == 2:
            newer = application("2", outcome="DECLINED")
            kombo.records["applications", A].insert(2, newer)

    kombo.before = shift
    sync(book.ledger, kombo, "applications")
    rows = {row["id"]: row["outcome"] for row in stored(book.ledger)}
    assert len(rows) == 5
    assert rows["app-2"] == "DECLINED"


def test_a_list_that_shrinks_while_it_is_read_hides_no_record(book: Book) -> None:
    book.deliver(*FIVE)
    kombo = five()

    def shrink(model: str, integration_id: str, number: int) -> None:
        if model == "applications" and number == 2:
            del kombo.records["applications", A][0]
            kombo.before = None

    kombo.before = shrink
    sync(book.ledger, kombo, "applications")
    assert ids(book.ledger) == [f"app-{name}" for name in FIVE]


def test_a_record_twice_on_one_page_is_one_row(book: Book) -> None:
    book.deliver("1")
    kombo = Kombo()
    kombo.records["applications", A] = [application("1"), application("1", outcome="HIRED")]
    kombo.records["candidates", A] = [candidate("1"), candidate("1")]
    sync(book.ledger, kombo)
    assert [row["outcome"] for row in stored(book.ledger)] == ["HIRED"]


def test_a_page_without_records_is_not_the_end(book: Book) -> None:
    book.deliver(*FIVE)
    kombo = five()
    kombo.page_size = 1
    serve = kombo.pages

    def with_an_empty_page(model: str, integration_id: str, **filters: Any) -> Any:
        for number, page in enumerate(serve(model, integration_id, **filters)):
            yield page._replace(results=[], is_last=False) if number == 2 else page
            if number == 2:
                yield page

    kombo.pages = with_an_empty_page  # type: ignore[method-assign]
    sync(book.ledger, kombo)
    assert len(ids(book.ledger)) == 5


def test_records_that_are_no_records_are_counted_and_hurt_nobody(book: Book) -> None:
    book.deliver("1")
    kombo = Kombo(page_size=9)
    broken: list[dict[str, Any]] = [
        {"id": None, "changed_at": "2026-01-01T00:00:00Z"},
        {"id": "x", "job": 5, "changed_at": "2026-01-01"},
    ]
    kombo.records["applications", A] = [*broken, application("1", candidate="?", rejected_at="soon", outcome=3)]
    kombo.records["candidates", A] = [*broken, candidate("1", email_addresses="?", applications=None)]
    report = sync(book.ledger, kombo)
    assert report.counts["unreadable"] == 2
    assert ids(book.ledger) == ["app-1"]


def test_an_already_sent_with_a_comma_keeps_no_record_from_being_pulled_and_is_named_once(
    book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    book.deliver(*FIVE)
    book.stage(VALID.but(applicant_id="hr", already_sent="sent by HR, 3 March", payload=None))
    kombo = five()
    report = sync(book.ledger, kombo)
    assert len(ids(book.ledger)) == 5
    assert len(ids(book.ledger, candidates)) == 5
    assert report.counts["no_id"] == 1
    assert caplog.text.count("comma") == 1
    sync(book.ledger, kombo)
    book.stage(VALID.but(applicant_id="hr-2", already_sent="4711,4712", payload=None))
    assert sync(book.ledger, kombo).counts["no_id"] == 2


def test_ids_that_make_a_long_url_are_asked_for_in_several_requests(book: Book) -> None:
    names = [f"{'ü' * 200}{number:03}" for number in range(20)]
    book.stage(*(VALID.but(applicant_id=name, already_sent=name, payload=None) for name in names))
    kombo = Kombo()
    sync(book.ledger, kombo, "applications")
    asked_for = [filters["ids"] for _, _, filters in kombo.asked if "ids" in filters]
    assert sorted(name for batch in asked_for for name in batch) == sorted(names)
    assert all(len(quote(",".join(batch))) < 7_000 for batch in asked_for)


def test_short_ids_are_asked_for_a_hundred_at_a_time() -> None:
    assert [len(batch) for batch in batches([f"app-{number}" for number in range(250)])] == [100, 100, 50]
