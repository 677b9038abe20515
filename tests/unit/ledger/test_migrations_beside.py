"""A ledger is migrated while a process of an older version still works on it: that one works on, and nothing is lost.

`version_2_at_work.json` is what the code of version 2 said to each database, transaction by transaction: `before` makes
a ledger, stages seven rows and an invalid one and has three of them on the wire, `after` goes on. `rows` is how many a
statement touched then; it has to touch as many in the migrated ledger. What it copied in is inserted here.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, text

from kombo_provider.errors import LedgerError
from kombo_provider.ledger import _migrations, claims, leases
from kombo_provider.ledger.ledger import Ledger
from kombo_provider.ledger.selection import Selection
from tests.unit.ledger.book import RUN, Book

AT_WORK = json.loads((Path(__file__).parent / "version_2_at_work.json").read_text())
A_MOMENT = 0.5
SELECTION = Selection("crm.applicants", "kombo_default")

Transaction = list[dict[str, Any]]

on_postgresql = pytest.mark.parametrize(
    "database_url", ["postgresql"], indirect=True
)  # SQLite has one writer at a time


class OlderVersion:
    """A process of version 2, with a connection of its own."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
        self.before: list[Transaction] = AT_WORK[kind]["before"]
        self.after: list[Transaction] = AT_WORK[kind]["after"]
        if kind == "sqlite":
            assert parsed.database
            self._connection: Any = sqlite3.connect(parsed.database, timeout=60)
            self._connection.execute("PRAGMA journal_mode=WAL")
        else:
            self._connection = psycopg.connect(url.replace("+psycopg", ""))

    def begin(self, transaction: Transaction) -> None:
        """Say all statements of a transaction; it stays open."""
        cursor = self._connection.cursor()
        for step in transaction:
            say = cursor.executemany if step.get("many") else cursor.execute
            say(step["sql"], step["parameters"])
            assert cursor.rowcount == step.get("rows", cursor.rowcount), step["sql"]

    def commit(self) -> None:
        self._connection.commit()

    def play(self, transactions: list[Transaction]) -> None:
        for transaction in transactions:
            self.begin(transaction)
            self.commit()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def leasing(database_url: str) -> Iterator[OlderVersion]:
    """It has staged rows, and takes a lease: it holds the lane's row, and goes on to the deliveries."""
    found = OlderVersion(database_url)
    made, staged, leased, *_ = found.before
    found.play([made, staged])
    found.begin(leased[:3])
    yield found
    found.close()


@pytest.fixture
def older(database_url: str) -> Iterator[OlderVersion]:
    found = OlderVersion(database_url)
    found.play(found.before)
    yield found
    found.close()


def test_an_older_version_that_still_runs_works_on_in_the_migrated_ledger(
    older: OlderVersion, open_ledger: Callable[[], Ledger]
) -> None:
    ledger = open_ledger()
    ledger.ensure()
    older.play(older.after)
    _assert_nothing_is_lost(ledger)


def test_a_migration_waits_for_the_transaction_of_an_older_version(
    older: OlderVersion, open_ledger: Callable[[], Ledger]
) -> None:
    ledger = open_ledger()
    renewal, answer, *rest = older.after
    older.play([renewal])
    older.begin(answer)
    migration = threading.Thread(target=ledger.ensure)
    migration.start()
    migration.join(A_MOMENT)
    assert migration.is_alive()
    older.commit()
    migration.join()
    older.play(rest)
    _assert_nothing_is_lost(ledger)


@on_postgresql
def test_a_migration_and_a_transaction_that_holds_lanes_do_not_wait_for_each_other(
    leasing: OlderVersion, database_url: str, open_ledger: Callable[[], Ledger]
) -> None:
    ledger, older = open_ledger(), leasing
    _made, _staged, leased, *rest = older.before
    migration = threading.Thread(target=ledger.ensure)
    migration.start()
    _until_one_waits(database_url)
    older.begin(leased[3:])
    older.commit()
    migration.join()
    older.play(rest + older.after)
    _assert_nothing_is_lost(ledger)


@on_postgresql
def test_a_migration_that_never_gets_its_turn_says_who_is_to_end(
    leasing: OlderVersion, open_ledger: Callable[[], Ledger]
) -> None:
    ledger = open_ledger()
    with pytest.raises(LedgerError, match=r"at version 2.*others work on its tables"), ledger.transaction() as conn:
        _migrations.migrate(conn, None, patience=timedelta(0))
    leasing.commit()
    ledger.ensure()


@on_postgresql
def test_a_migration_that_waits_for_another_says_so(leasing: OlderVersion, open_ledger: Callable[[], Ledger]) -> None:
    leasing.commit()
    first, second = open_ledger(), open_ledger()
    with first.transaction() as conn:
        _migrations.migrate(conn, None)
        with pytest.raises(LedgerError, match="another process"), second.transaction() as waiting:
            _migrations.migrate(waiting, None, patience=timedelta(0))
    second.ensure()


def _until_one_waits(url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as conn:
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity "
        while conn.execute(waiting + "WHERE datname = current_database())").fetchone() == (0,):
            time.sleep(0.01)


def _assert_nothing_is_lost(ledger: Ledger) -> None:
    """What version 2 did is there, and this version goes on with what it left: a row on the wire, and one ready."""
    with ledger.transaction() as conn:
        assert conn.scalar(text("SELECT version FROM kombo_ledger_version")) == _migrations.NEWEST
        leases.sweep(conn)
    assert Book(ledger).statuses() == {"delivered": 3, "in_doubt": 2, "rejected": 1, "ready": 1, "invalid": 1}
    with ledger.transaction() as conn:
        claimed = claims.claim(conn, SELECTION, "greenhouse:a", 9, RUN)
        histories = conn.execute(text(_HISTORIES)).all()
    assert [intent.key.applicant_id for intent in claimed] == ["7"]
    assert all(status == last and attempts == intents for status, last, attempts, intents in histories)


_OF_ROW = "FROM kombo_delivery_events e WHERE e.applicant_id = d.applicant_id"
_HISTORIES = (
    f"SELECT d.status, (SELECT to_status {_OF_ROW} ORDER BY event_id DESC LIMIT 1), d.attempts, "
    f"(SELECT count(*) {_OF_ROW} AND to_status = 'sending') FROM kombo_deliveries d WHERE status <> 'ready' "
    "AND status <> 'invalid'"
)
