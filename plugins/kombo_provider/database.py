"""Connections to the user's databases: errors without row contents, durable commits, engines that fit the job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from kombo_provider.errors import KomboError

ENGINE_OPTIONS: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": True}
"""Passed wherever an engine is made: a statement's parameters are applicants and stay out of every message."""

SQLITE_BUSY_MS = 60_000
_SAFE_SQLSTATE_CLASSES = ("08", "0A", "25", "26", "28", "3D", "3F", "42", "53", "54", "55", "57", "58")
"""SQLSTATE classes whose message names objects, rights or resources; the others (22, 23, …) may quote a value."""


def describe(exc: BaseException) -> str:
    """Say what a database driver complained about, without any value of a row."""
    original = getattr(exc, "orig", None) or exc
    sqlstate = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    kind = type(original).__name__
    first_line = (str(original).strip().splitlines() or [""])[0]
    first_line = first_line.partition(" with text ")[0]  # SQLite quotes a text that is not UTF-8
    if sqlstate is None:
        return f"{kind}: {first_line}" if kind in ("OperationalError", "ProgrammingError") else kind
    if sqlstate[:2] in _SAFE_SQLSTATE_CLASSES:
        return f"{kind} ({sqlstate}): {first_line}"
    return f"{kind} (SQLSTATE {sqlstate}){_named_objects(original)}"


def _named_objects(original: BaseException) -> str:
    diag = getattr(original, "diag", None)
    names = [
        f"{label} {value}"
        for label, value in (
            ("table", getattr(diag, "table_name", None)),
            ("column", getattr(diag, "column_name", None)),
            ("constraint", getattr(diag, "constraint_name", None)),
        )
        if value
    ]
    return f" at {', '.join(names)}" if names else ""


@contextmanager
def driver_errors(engine: Engine, error: type[KomboError], what_failed: str, what_to_do: str) -> Iterator[None]:
    """Turn any database error in the block into `error`, said without statement parameters or row contents.

    Errors of the engine's driver count too: not every call goes through SQLAlchemy. The original is not chained: its
    text and its frames would carry the rows into the task log.
    """
    driver: Any = engine.dialect.loaded_dbapi
    try:
        yield
    except (StatementError, PoolTimeoutError, driver.Error, UnicodeError) as exc:
        raise error(f"{what_failed}: {describe(exc)}. {what_to_do}") from None


def begin_writing(conn: Connection) -> None:
    """Begin a transaction that will write: on SQLite it waits its turn now, because later it could only fail."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
        conn.exec_driver_sql("BEGIN IMMEDIATE")


def prepare_ledger_engine(engine: Engine) -> Engine:
    """Make every commit of the engine durable and, on SQLite, every transaction a writer from its start."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin_immediate)
    else:
        event.listen(engine, "connect", _postgresql_connect)
    return engine


def _sqlite_connect(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # SQLAlchemy's begin event issues BEGIN; the driver must not
    cursor = dbapi_connection.cursor()
    for pragma in (f"busy_timeout={SQLITE_BUSY_MS}", "journal_mode=WAL", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql_connect(dbapi_connection: Any, _record: object) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute("SET synchronous_commit TO on")
    cursor.execute("SET lock_timeout TO '30s'")
    cursor.execute("SET idle_in_transaction_session_timeout TO '60s'")  # a process that was stopped holds its locks
    cursor.execute("SET TIME ZONE 'UTC'")
    cursor.close()
    dbapi_connection.commit()
