"""What a run was asked for and did not find."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger
from kombo_provider.mapping import MappedRow
from kombo_provider.staging.asked_for import AskedFor
from kombo_provider.staging.narrowing import Narrowing
from tests.unit.ledger.book import VALID, Book

SOURCE = "crm.applicants"


def row(applicant_id: str, integration_id: str = "a") -> MappedRow:
    """Return a mapped row of which only the key matters."""
    return MappedRow(integration_id, applicant_id, "job", "{}", "hash", None, None, None, False, None, False)


@pytest.fixture
def book(database_url: str) -> Iterator[Book]:
    ledger = Ledger(create_engine(database_url, **ENGINE_OPTIONS))
    ledger.ensure()
    yield Book(ledger)
    ledger.close()


def not_found(book: Book, asked: AskedFor, *replay: str) -> dict[str, Any]:
    return asked.not_found(book.ledger, SOURCE, frozenset(replay))


def test_what_was_taken_is_found_and_the_rest_is_named(book: Book) -> None:
    asked = AskedFor(Narrowing(frozenset({"a", "b"}), frozenset({"1", "2"})), {})
    asked.take([row("1")])
    assert not_found(book, asked) == {"applicant_ids": ["2"], "integration_ids": ["b"]}


def test_rows_that_wait_in_the_ledger_are_found_too_but_not_those_of_another_source(book: Book) -> None:
    book.stage(VALID.but(applicant_id="1", integration_id="a"))
    book.stage(VALID.but(applicant_id="2", integration_id="b"), source="crm.others")
    asked = AskedFor(Narrowing(frozenset({"a", "b"}), frozenset({"1", "2"})), {})
    assert not_found(book, asked) == {"applicant_ids": ["2"], "integration_ids": ["b"]}


def test_a_run_that_ended_at_its_limit_says_nothing_about_the_rest(book: Book) -> None:
    asked = AskedFor(Narrowing(frozenset(), frozenset({"1", "2"}), limit=1), {})
    asked.take([row("1")])
    assert not_found(book, asked) == {}


def test_codes_that_no_row_bears_are_named_and_so_are_rows_that_did_not_come_back(
    book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    asked = AskedFor(Narrowing(), {("a", "1"): "ATS.JOB_CLOSED", ("a", "2"): "ATS.JOB_CLOSED"})
    asked.take([row("1")])
    assert not_found(book, asked, "ATS.JOB_CLOSED", "HTTP 403") == {"replay": ["HTTP 403"]}
    assert "1 rows to be replayed were not among those read" in caplog.text


def test_a_run_that_was_asked_for_nothing_misses_nothing(book: Book) -> None:
    asked = AskedFor(Narrowing(), {})
    asked.take([row("1")])
    assert not_found(book, asked) == {}
