"""A ledger in both databases, and what fills it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger.ledger import Ledger
from tests.unit.ledger.book import Book


@pytest.fixture
def open_ledger(database_url: str) -> Iterator[Callable[[], Ledger]]:
    """Opens the test's ledger once more, as another process would."""
    opened: list[Ledger] = []

    def open_it() -> Ledger:
        opened.append(Ledger(create_engine(database_url, **ENGINE_OPTIONS)))
        return opened[-1]

    yield open_it
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    """A ledger that was just created."""
    ledger = open_ledger()
    ledger.ensure()
    return ledger


@pytest.fixture
def book(ledger: Ledger) -> Book:
    """The same, with short words for what tests do to it."""
    return Book(ledger)
