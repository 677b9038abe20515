"""The ledger for those who only look: nothing is created, migrated, locked or written, and no look takes long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, text

from kombo_provider.driver_errors import Failure, driver_errors
from kombo_provider.errors import LedgerError
from kombo_provider.ledger._migrations import refuse_other_version

_PASSING = Failure(LedgerError, "Look again later, or see whether its database is overloaded")
_LASTING = Failure(LedgerError, "Correct the connection or its rights; runs are not concerned")
_CONNECT_SECONDS = 3
_SQLITE_STEPS = 20_000
"""Virtual machine steps of SQLite between two looks at the clock: some milliseconds."""


class LedgerReader:
    """Read-only transactions on the ledger behind an engine, each given up after `seconds`."""

    def __init__(self, engine: Engine, *, schema: str | None = None, seconds: float = 3.0) -> None:
        self.schema, self._seconds = schema, seconds
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _sqlite_query_only)
        else:
            event.listen(engine, "do_connect", _give_up_connecting)
        event.listen(engine, "begin", self._begin)
        self._engine = engine
        if schema:
            self._engine = engine.execution_options(schema_translate_map={None: schema})

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One consistent look.

        Raises LedgerError where there is no ledger, one of another release, or its database refuses or is slow.
        """
        self._refuse_missing_file()
        with (
            driver_errors(self._engine, "The ledger cannot be read", lasting=_LASTING, passing=_PASSING),
            self._engine.begin() as conn,
        ):
            refuse_other_version(conn, self.schema)
            yield conn

    def _refuse_missing_file(self) -> None:
        """Connecting would make an empty file."""
        file = self._engine.url.database
        if self._engine.dialect.name != "sqlite" or not file or file.startswith("file:"):
            return
        if not Path(file).exists():
            raise LedgerError("There is no ledger yet: no run has made one that can be reached from here.")

    def _begin(self, conn: Connection) -> None:
        if conn.dialect.name == "sqlite":
            # It has no time limit of its own for a statement: a handler that returns true ends it.
            until = time.monotonic() + self._seconds
            driver: Any = conn.connection.driver_connection
            driver.set_progress_handler(lambda: time.monotonic() > until, _SQLITE_STEPS)
            conn.exec_driver_sql("BEGIN")
            return
        conn.exec_driver_sql("SET TRANSACTION READ ONLY")
        settings = {"statement_timeout": int(self._seconds * 1000), "lock_timeout": 1000, "TimeZone": "UTC"}
        # One round trip for all, and for this transaction only: the pool hands the connection on.
        calls = [f"set_config('{name}', '{value}', true)" for name, value in settings.items()]
        conn.execute(text(f"SELECT {', '.join(calls)}"))


def _sqlite_query_only(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # the begin event issues BEGIN; the driver must not
    cursor = dbapi_connection.cursor()
    for pragma in ("busy_timeout=1000", "query_only=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _give_up_connecting(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
    options["connect_timeout"] = _CONNECT_SECONDS
