"""Connections to the target: what they may wait for, and how their errors are said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import DBAPIError, OperationalError

from kombo_provider.database import begin_writing
from kombo_provider.driver_errors import Failure, describe, driver_errors, sqlstate
from kombo_provider.errors import TargetUnavailableError, WriteBackError
from kombo_provider.write_back.case_update import CaseUpdate
from kombo_provider.write_back.joined_update import JoinedUpdate
from kombo_provider.write_back.target import find_target, grant

IN_LEDGER = "The ids are safe in the ledger; correct the table or the rights of the connection, then run again"
NOTHING_SENT = "Nothing was sent; correct the table, the connection or its rights, then run again"

_OF_NO_ROW = ("08", "25", "28", "3D", "40", "53", "57", "58")
"""SQLSTATE classes that no single row is the cause of: connection, transaction, rights to log in, resources."""
_CANCELLED = "57014"  # by a time limit: fewer rows take less time
_OF_A_ROW_ON_SQLITE = (1, 18, 19, 20)  # SQLITE_ERROR, TOOBIG, CONSTRAINT, MISMATCH: of a trigger or an index
_OF_A_ROW_ON_MYSQL = (1369, 1644, 3819)  # a view's check, a trigger's SIGNAL, a CHECK
_REFUSED_ON_MYSQL = (1044, 1142, 1143)
_LOCKED_ON_MYSQL = (1205, 3572)


class Wait(NamedTuple):
    """How long a statement may wait for a lock, and how long it may take in all: a trigger may never come back."""

    lock_seconds: float
    seconds: float


class Patience(NamedTuple):
    """How long a statement waits: at first, and once something is known to hold it up."""

    first: Wait = Wait(lock_seconds=30.0, seconds=600.0)
    next: Wait = Wait(lock_seconds=1.0, seconds=30.0)


class OpenTarget:
    """The table of the user that receives the ids, described when it is first needed."""

    def __init__(self, engine: Engine, name: str, key: Mapping[str, str]) -> None:
        self.engine, self.name, self.key = engine, name, key
        self._table: Table | None = None

    def table(self, conn: Connection) -> Table:
        """Return the table, found and checked at the first call."""
        if self._table is None:
            self._table = find_target(conn, self.name, self.key)
        return self._table

    def rows(self, conn: Connection) -> JoinedUpdate | CaseUpdate:
        """Return what looks rows up by their keys and writes into them."""
        joined = conn.dialect.name in ("postgresql", "sqlite", "duckdb")
        return (JoinedUpdate if joined else CaseUpdate)(conn, self.table(conn), self.key)

    @contextmanager
    def reading(self, wait: Wait) -> Iterator[Connection]:
        """Give a connection that waits no longer than this; what it did is rolled back."""
        with self.engine.connect() as conn:
            _bound_waiting(conn, wait)
            yield conn
            conn.rollback()

    @contextmanager
    def writing(self, wait: Wait) -> Iterator[Connection]:
        """Give a connection in a transaction that will write; the caller commits."""
        with self.engine.connect() as conn:
            begin_writing(conn)
            _bound_waiting(conn, wait)
            yield conn

    @contextmanager
    def errors(self, what_to_do: str) -> Iterator[None]:
        """Turn a database's error into a WriteBackError that says what to do, without any row's contents."""
        with driver_errors(
            self.engine,
            f"Writing ids back into {self.name} failed",
            lasting=Failure(WriteBackError, what_to_do),
            passing=Failure(TargetUnavailableError, what_to_do),
        ):
            try:
                yield
            except DBAPIError as exc:
                said = f"Writing ids back into {self.name} failed: {describe(exc)}."
                if is_locked(exc):
                    raise TargetUnavailableError(f"{said} {_SOMEONE_HOLDS_IT} {what_to_do}.") from None
                if _is_forbidden(exc):
                    raise WriteBackError(f"{said} {what_to_do}. It needs these rights:\n{self._grant()}") from None
                raise

    def _grant(self) -> str:
        with self.engine.connect() as conn:
            return grant(conn, self.table(conn), self.key)


_SOMEONE_HOLDS_IT = (
    "Another transaction holds a lock on the table or one of its rows, perhaps a person's that was left open: end it."
)


def concerns_rows(exc: DBAPIError) -> bool:
    """Tell whether the statement may work with fewer rows: a trigger, a constraint or a lock refuses some of them."""
    if exc.connection_invalidated:
        return False
    if is_held_up(exc):
        return True
    state, on_sqlite = sqlstate(exc), getattr(exc.orig, "sqlite_errorcode", None)
    if state is not None:
        return state[:2] not in _OF_NO_ROW
    if on_sqlite is not None:
        return on_sqlite & 0xFF in _OF_A_ROW_ON_SQLITE
    return not isinstance(exc, OperationalError) or _number(exc) in _OF_A_ROW_ON_MYSQL


def is_locked(exc: DBAPIError) -> bool:
    """Tell whether a lock was not given in time, for one row or the whole table."""
    return sqlstate(exc) == "55P03" or _number(exc) in _LOCKED_ON_MYSQL


def is_held_up(exc: DBAPIError) -> bool:
    """Tell whether others or a time limit kept the statement from its end: a later try may come through."""
    return is_locked(exc) or sqlstate(exc) == _CANCELLED


def _is_forbidden(exc: DBAPIError) -> bool:
    return sqlstate(exc) == "42501" or _number(exc) in _REFUSED_ON_MYSQL


def _number(exc: DBAPIError) -> Any:
    return exc.orig.args[0] if exc.orig is not None and exc.orig.args else None


_LIMITS = """SELECT set_config('lock_timeout', '{}', true),
CASE current_setting('statement_timeout') WHEN '0' THEN set_config('statement_timeout', '{}', true) END"""


def _bound_waiting(conn: Connection, wait: Wait) -> None:
    """SQLite waits for its one lock as long as `begin_writing` says; other databases have no common word for it.

    A limit that the role has for its statements is kept.
    """
    seconds = wait.lock_seconds
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(_LIMITS.format(int(seconds * 1000), int(wait.seconds * 1000)))
    if conn.dialect.name in ("mysql", "mariadb"):
        conn.exec_driver_sql(f"SET SESSION innodb_lock_wait_timeout = {max(1, int(seconds))}")
        conn.exec_driver_sql(f"SET SESSION lock_wait_timeout = {max(1, int(seconds))}")
