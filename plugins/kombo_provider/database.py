"""Connections to the user's databases: durable commits, engines that fit the job."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, event, text

ENGINE_OPTIONS: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": True, "logging_name": "kombo"}
"""Passed wherever an engine is made: a statement's parameters are applicants and stay out of every message."""

# At DEBUG SQLAlchemy logs every row that a statement returns, whatever `hide_parameters` says.
logging.getLogger("sqlalchemy.engine.Engine.kombo").addFilter(lambda record: record.levelno > logging.DEBUG)

SQLITE_BUSY_MS = 60_000


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
        return engine
    event.listen(engine, "begin", _postgresql_begin)
    return engine.execution_options(isolation_level="READ COMMITTED")  # a role's default may be stricter


def sign_statements(engine: Engine, said: Mapping[str, str]) -> None:
    """Have every statement of an engine carry who sent it, as a comment: `/* dag=…, run=…, task=… */`.

    Of the texts only `[A-Za-z0-9_.:+-]` is kept, so that nothing in them ends the comment or begins another.
    """
    named = [f"{name}={_UNSAFE_IN_COMMENT.sub('_', text)[:_LONGEST_SAID]}" for name, text in said.items() if text]
    if not named:
        return
    comment = f"/* {', '.join(named)} */"
    behind = engine.dialect.name in _DROPS_LEADING_COMMENTS

    def sign(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> tuple[str, Any]:
        return f"{statement}\n{comment}" if behind else f"{comment} {statement}", parameters

    event.listen(engine, "before_cursor_execute", sign, retval=True)


_UNSAFE_IN_COMMENT = re.compile(r"[^A-Za-z0-9_.:+-]")
_LONGEST_SAID = 250
"""Characters: as long as Airflow lets an id be."""
_DROPS_LEADING_COMMENTS = ("snowflake",)


def give_up_soon(engine: Engine) -> None:
    """Have a ledger's engine wait a few seconds at most for a connection, a lock or a statement: a person waits."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _wait_five_seconds)
        return
    event.listen(engine, "do_connect", _connect_soon)
    event.listen(engine, "begin", lambda conn: conn.exec_driver_sql(_SOON))


_SOON = "SELECT set_config('statement_timeout', '5s', true), set_config('lock_timeout', '3s', true)"


def _wait_five_seconds(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.execute("PRAGMA busy_timeout=5000")


def _connect_soon(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
    options["connect_timeout"] = 3


def find_silence(engine: Engine) -> Engine:
    """Have a connection that has gone silent found within two minutes, and let it pass through PgBouncer.

    The keepalives are the client's own: no statement gets a time limit. Prepared statements of the server would meet
    each other's names behind a pooler.
    """
    event.listen(engine, "do_connect", _connect_arguments)
    return engine


def _connect_arguments(dialect: Dialect, _record: object, _arguments: object, options: dict[str, Any]) -> None:
    if dialect.driver not in ("psycopg", "psycopg2"):
        return
    keepalives = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 5}
    for name, value in {**keepalives, "tcp_user_timeout": 90_000, "connect_timeout": 20}.items():
        options.setdefault(name, value)
    options["client_encoding"] = "utf8"  # PGCLIENTENCODING of the host may have no character for a row's
    if dialect.driver == "psycopg":
        options.setdefault("prepare_threshold", None)


def _sqlite_connect(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # SQLAlchemy's begin event issues BEGIN; the driver must not
    cursor = dbapi_connection.cursor()
    for pragma in (f"busy_timeout={SQLITE_BUSY_MS}", "journal_mode=WAL", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


_POSTGRESQL_SETTINGS = {
    "synchronous_commit": "on",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",  # a process that was stopped holds its locks
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
}
_CALLS = [f"set_config('{name}', '{value}', true)" for name, value in _POSTGRESQL_SETTINGS.items()]
_SET_FOR_TRANSACTION = text(f"SELECT {', '.join(_CALLS)}")
"""Settings by transaction: a session's own would leak to whoever gets the connection next from a pooler."""


def _postgresql_begin(connection: Connection) -> None:
    connection.execute(_SET_FOR_TRANSACTION)
