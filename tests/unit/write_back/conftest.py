"""A warehouse and a ledger for tests of the write-back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, create_engine

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger
from tests.unit.ledger.book import Book


@pytest.fixture
def open_engine() -> Iterator[Callable[[str], Engine]]:
    """Opens an engine that is closed after the test."""
    opened: list[Engine] = []

    def open_it(url: str) -> Engine:
        opened.append(create_engine(url, **ENGINE_OPTIONS))
        return opened[-1]

    yield open_it
    for engine in opened:
        engine.dispose()


@pytest.fixture
def warehouse(warehouse_url: str, open_engine: Callable[[str], Engine]) -> Engine:
    """An empty database, once of each kind."""
    return open_engine(warehouse_url)


@pytest.fixture
def book(ledger_url: str, open_engine: Callable[[str], Engine]) -> Book:
    """The ledger, in the warehouse where that can hold it."""
    ledger = Ledger(open_engine(ledger_url))
    ledger.ensure()
    return Book(ledger)
