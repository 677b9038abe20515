"""A row of the target that several deliveries share keeps the ids of the one that had it first."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import Engine

from kombo_provider.ledger import Status
from tests.unit.ledger.book import VALID, Book
from tests.unit.write_back.write_back_target import ids, make, run, write


@pytest.fixture
def shared(warehouse: Engine, book: Book) -> None:
    """A row with the ids of applicant 1 of greenhouse:a; later, applicant 1 of lever:b is delivered too."""
    make(warehouse, "id TEXT", "'1'")
    book.deliver("1")
    assert write(warehouse, book).written == 1
    deliver_other(book, kombo_application_id="other")


def deliver_other(book: Book, **found: str | None) -> None:
    book.stage(VALID.but(integration_id="lever:b"))
    (intent,) = book.claim(1, lane="lever:b")
    book.record(intent, Status.DELIVERED, resolution="response", **found)


@pytest.mark.usefixtures("shared")
def test_a_later_delivery_never_overwrites_the_ids_of_the_one_that_has_the_row(
    warehouse: Engine, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        report = write(warehouse, book)
    assert (report.written, report.with_several_rows) == (0, 1)
    assert "Applicant 1 of lever:b matches one row of the target together with another applicant" in caplog.text
    assert ids(warehouse) == [("1", "app-1")]
    assert book.row(integration_id="lever:b")["written_back_at"] is None


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("rebuilt", [False, True])
def test_a_refill_gives_a_shared_row_to_the_one_that_had_it(warehouse: Engine, book: Book, rebuilt: bool) -> None:
    if rebuilt:
        run(warehouse, "UPDATE people SET kombo_application_id = NULL, kombo_delivered_at = NULL")
    report = write(warehouse, book, refill=True)
    assert (report.written, report.with_several_rows) == (1, 1)
    assert ids(warehouse) == [("1", "app-1")]


def test_rows_of_candidates_are_kept_as_well(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'")
    book.deliver("1", kombo_application_id=None, kombo_candidate_id="first")
    write(warehouse, book)
    deliver_other(book, kombo_application_id=None, kombo_candidate_id="second")
    assert write(warehouse, book).with_several_rows == 1
    assert run(warehouse, "SELECT kombo_candidate_id FROM people") == [("first",)]


def test_an_older_version_let_both_have_the_row_and_a_refill_ends_it(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'")
    book.deliver("1")
    write(warehouse, book)
    run(warehouse, "UPDATE people SET kombo_application_id = NULL")
    deliver_other(book, kombo_application_id="other")
    write(warehouse, book)
    run(warehouse, "UPDATE people SET kombo_application_id = NULL")
    assert write(warehouse, book, refill=True).written == 1
    assert ids(warehouse) == [("1", "app-1")]
