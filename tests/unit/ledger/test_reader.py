"""Who only looks changes nothing, and is not kept waiting."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from kombo_provider.errors import LedgerError
from kombo_provider.ledger._tables import ledger_version
from kombo_provider.ledger.reader import LedgerReader
from tests.unit.ledger.book import VALID, Book
from tests.waiting import PATIENCE_SECONDS

NEVER_ENDING = {
    "sqlite": "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = create_engine(database_url)
    yield made
    made.dispose()


def test_a_look_cannot_write(book: Book, engine: Engine) -> None:
    book.stage(VALID)
    with pytest.raises(LedgerError), LedgerReader(engine).transaction() as conn:
        conn.execute(text("DELETE FROM kombo_deliveries"))
    assert book.statuses() == {"ready": 1}


def test_a_statement_that_takes_too_long_is_given_up(book: Book, engine: Engine) -> None:
    began = time.monotonic()
    with pytest.raises(LedgerError, match="cannot be read"), LedgerReader(engine, seconds=0.3).transaction() as conn:
        conn.execute(text(NEVER_ENDING[engine.dialect.name]))
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_a_writer_does_not_keep_a_look_waiting(book: Book, engine: Engine) -> None:
    book.stage(VALID)
    with book.ledger.transaction() as writing:
        writing.execute(text("UPDATE kombo_deliveries SET status = 'cancelled'"))
        with LedgerReader(engine).transaction() as conn:
            assert conn.scalar(text("SELECT status FROM kombo_deliveries")) == "ready"


def test_a_database_without_a_ledger_stays_empty(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger yet"), LedgerReader(engine).transaction():
        pass
    assert list(tmp_path.glob("*.db")) == []


@pytest.mark.parametrize("version", [1, 99])
def test_a_ledger_of_another_release_is_not_migrated(book: Book, engine: Engine, version: int) -> None:
    with book.ledger.transaction() as conn:
        conn.execute(ledger_version.update().values(version=version))
    with pytest.raises(LedgerError, match=f"at version {version}"), LedgerReader(engine).transaction():
        pass
    with book.ledger.transaction() as conn:
        assert conn.scalar(text("SELECT version FROM kombo_ledger_version")) == version


def test_a_server_that_takes_the_connection_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://u@127.0.0.1:{silent.getsockname()[1]}/d"
        engine = create_engine(url)
        began = time.monotonic()
        with pytest.raises(LedgerError, match="cannot be read"), LedgerReader(engine).transaction():
            pass
        assert time.monotonic() - began < PATIENCE_SECONDS
