"""A doubt that shows up in a pull is settled by it, by the rules of the look-up; one that does not is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from kombo_provider.doubts.shown import Shown
from kombo_provider.ledger import Resolution, Status
from tests.unit.doubts.test_resolve import put_in_doubt
from tests.unit.ledger.book import RUN, Book
from tests.unit.sync.kombo import A, Kombo, application, candidate, ids, sync

YOUNG = "2099-01-01T12:00:00Z"


def kombo_with(*names: str, made: Any = YOUNG) -> Kombo:
    kombo = Kombo()
    for name in names:
        address = [{"email_address": f"{name.upper()}@example.com"}]
        job = {"id": "job-1", "remote_id": "j1"}
        made_part = {"id": f"app-{name}", "job": job, "remote_created_at": made}
        kombo.put("candidates", candidate(name, email_addresses=address, applications=[made_part]))
        person = {"id": f"cand-{name}", "remote_id": f"rc-{name}", "email_addresses": address}
        kombo.put("applications", application(name, candidate=person, job=job, remote_created_at=made))
    return kombo


def sync_with_look_ups(book: Book, kombo: Kombo, *models: str) -> Any:
    return sync(book.ledger, kombo, *models, late=Shown(book.ledger, kombo, "kombo_default", RUN))


@pytest.mark.parametrize("model", ["applications", "candidates"])
def test_a_doubt_that_shows_up_in_a_pull_is_delivered_with_its_ids(book: Book, model: str) -> None:
    put_in_doubt(book, "ada", "bob")
    report = sync_with_look_ups(book, kombo_with("ada"), model)
    assert book.statuses() == {Status.DELIVERED: 1, Status.IN_DOUBT: 1}
    row = book.row("ada")
    assert (row["resolution"], row["kombo_application_id"]) == (Resolution.LOOKUP, "app-ada")
    assert row["kombo_candidate_id"] == "cand-ada"
    assert report.counts["delivered"] == 1
    assert book.row("bob")["looked_up_at"] is None


def test_an_application_that_is_older_than_the_request_settles_nothing(book: Book) -> None:
    put_in_doubt(book, "ada")
    sync_with_look_ups(book, kombo_with("ada", made="2001-01-01T12:00:00Z"))
    assert book.statuses() == {Status.IN_DOUBT: 1}


def test_what_two_rows_could_own_is_given_to_neither(book: Book) -> None:
    put_in_doubt(book, "ada")
    put_in_doubt(book, "ada:2")
    sync_with_look_ups(book, kombo_with("ada"))
    assert book.statuses() == {Status.IN_DOUBT: 2}


def test_the_record_of_a_settled_doubt_is_stored_by_the_next_pull(book: Book) -> None:
    put_in_doubt(book, "ada")
    kombo = kombo_with("ada")
    sync_with_look_ups(book, kombo)
    sync_with_look_ups(book, kombo)
    assert ids(book.ledger) == ["app-ada"]


def test_a_pull_without_doubts_makes_no_look_up(book: Book) -> None:
    book.deliver("ada")
    kombo = kombo_with("ada")
    shown = Shown(book.ledger, kombo, "kombo_default", RUN)
    shown.see(A, kombo.records["candidates", A])
    assert not shown.settle(A)
