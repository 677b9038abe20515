"""What runs of a DAG know of one another."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kombo_provider.ledger import RunRef, runs
from tests.unit.ledger.book import Book

MINE, OTHER = RunRef("push", "mine"), RunRef("push", "other")
A_MINUTE = timedelta(minutes=1)


def _another_began(book: Book, within: timedelta = A_MINUTE) -> bool:
    with book.ledger.transaction() as conn:
        return runs.another_began(conn, "crm", MINE, within=within)


def _begin(book: Book, run: RunRef, source: str = "crm") -> None:
    with book.ledger.transaction() as conn:
        runs.begin(conn, source, "kombo", run)


def test_a_run_of_the_same_dag_that_began_just_now_is_noticed_for_a_while(book: Book) -> None:
    _begin(book, OTHER)
    assert _another_began(book)
    assert not _another_began(book, within=timedelta())


@pytest.mark.parametrize("run", [MINE, RunRef("other_dag", "other")])
def test_neither_itself_nor_a_run_of_another_dag_is_another(book: Book, run: RunRef) -> None:
    _begin(book, run)
    _begin(book, OTHER, source="other")
    assert not _another_began(book)


def test_a_run_that_has_reported_is_over(book: Book) -> None:
    _begin(book, OTHER)
    with book.ledger.transaction() as conn:
        runs.complete(conn, "crm", "kombo", OTHER, [])
    assert not _another_began(book)
