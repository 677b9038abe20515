"""The source SELECT as chunks of rows, none held longer than its turn."""

from __future__ import annotations

import logging
import marshal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import DBAPIError

from kombo_provider.database import SQLITE_BUSY_MS
from kombo_provider.driver_errors import Failure, describe_unread, describe_value, driver_errors
from kombo_provider.errors import SourceError, SourceUnavailableError
from kombo_provider.source.cut import cut
from kombo_provider.source.names import column_names
from kombo_provider.source.rows import read_rows
from kombo_provider.source.sqlite_ranges import is_served, ranges
from kombo_provider.source.statement import one_select, wrapped
from kombo_provider.source.window import Window

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

CHUNK_ROWS = 5_000
CHUNK_BYTES = 16 * 1024 * 1024
WITHOUT_REFERENCES = 2
"""The version of `marshal` whose bytes depend on the values alone, not on who else refers to them."""
_STORED_BYTES = 64 * 1024
"""Rows that are bigger do not lie in memory twice."""
_SMALL = frozenset((type(None), bool, int, float, Decimal, date, datetime, UUID))


class ReadRows(NamedTuple):
    """Rows as tuples of untouched Python objects, and the bytes each was measured by.

    Bytes are None for a big row, and for one with more than texts, numbers and what is nested of them.
    """

    rows: list[tuple[Any, ...]]
    stored: list[bytes | None]


class SourceReader:
    """Reads `sql`, one SELECT, wrapped as a subquery; `where` names it in messages.

    Raises SourceError, without any row's contents, where the database refuses the query.
    """

    def __init__(self, engine: Engine, sql: str, *, where: str) -> None:
        self._engine = engine
        select = one_select(sql, where, engine.dialect.name)
        self._sql = wrapped(select, engine.dialect.name).replace(":", r"\:")
        self.select, self._where = select, where
        self.columns: list[str] = []
        """What the SELECT returns, once it was asked."""
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _wait_for_writers)

    @contextmanager
    def open(self) -> Iterator[OpenSource]:
        """Connect, and learn the SELECT's columns before any row is read."""
        with ExitStack() as stack:
            with self._errors(self._said_of_query, _CORRECT):
                conn = self._engine.connect()
                stack.callback(_close, conn)
                probe = conn.execute(text(f"{self._sql} WHERE 1 = 0"))
                columns, types = column_names(probe, self.select, self._where), _type_codes(probe)
                conn.rollback()
            self.columns = columns
            yield OpenSource(conn, self._sql, columns, types, self._errors_of_rows)

    def _errors_of_rows(self) -> AbstractContextManager[None]:
        """Repeat no word of the driver's: it may quote a row. A driver's own conversions raise what they like."""
        return self._errors(describe_value, f"{_UNSAID}. {_CORRECT}", Exception)

    def _errors(
        self, said: Callable[[BaseException], str], what_to_do: str, *catch: type[BaseException]
    ) -> AbstractContextManager[None]:
        return driver_errors(
            self._engine,
            f"The source query ({self._where}) failed",
            lasting=Failure(SourceError, f"{_FROM_HERE_ON}. {what_to_do}"),
            passing=Failure(SourceUnavailableError, f"{_FROM_HERE_ON}; a later try goes on from there"),
            describe=said,
            catch=catch,
        )

    def _said_of_query(self, exc: BaseException) -> str:
        """Say what the database makes of the SELECT, and where PostgreSQL sees the mistake."""
        diag = getattr(getattr(exc, "orig", None), "diag", None)
        position = getattr(diag, "statement_position", None)
        if position is None:
            return describe_unread(exc)
        sent = getattr(exc, "statement", self._sql).replace("%%", "%")  # with the comment before it, if it was signed
        return f"{describe_unread(exc)}, in line {sent.count(chr(10), 0, int(position))}"


_FROM_HERE_ON = "Nothing was staged from here on"
_CORRECT = "Correct the SELECT, the connection or its rights, then run again"
_UNSAID = "The driver's words may quote a row and are left out: run the SELECT in the warehouse to see them"


class OpenSource:
    """A connected source: its columns, and its rows chunk by chunk."""

    def __init__(
        self,
        conn: Connection,
        sql: str,
        columns: list[str],
        types: Sequence[Any],
        errors: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._conn, self._sql, self.columns, self._types, self._errors = conn, sql, columns, types, errors

    def frames(self, window: Window) -> Iterator[pd.DataFrame]:
        """Yield the same as frames of untouched Python objects (dtype object)."""
        for chunk in self.chunks(window):
            yield self.frame_of(chunk.rows)

    def frame_of(self, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
        """Return rows as a user's function gets them."""
        import pandas as pd

        return pd.DataFrame(rows, columns=self.columns, dtype=object)

    def chunks(self, window: Window) -> Iterator[ReadRows]:
        """Yield the rows that may lie in the window, as tuples of untouched Python objects.

        The cut is coarse, a day wider than the window: the caller compares each row's own instant.
        A chunk holds at most CHUNK_ROWS rows, and none after the one that made it CHUNK_BYTES big.
        """
        with self._errors():
            yield from _chunks(read_rows(self._conn, *self._windowed(window)))

    def _windowed(self, window: Window) -> tuple[str, dict[str, Any]]:
        index = next((i for i, name in enumerate(self.columns) if name.lower() == "changed_at"), None)
        if index is None or (window.lower is None and window.upper is None):
            return self._sql, {}
        column = self._conn.dialect.identifier_preparer.quote(self.columns[index])
        if self._conn.dialect.name == "sqlite":
            condition = ranges(column, window)
            if is_served(self._conn, self._sql.replace(r"\:", ":"), condition):
                return f"{self._sql} WHERE {condition}", {}
        return cut(self._sql, column, self._conn.dialect, self._types[index], window)


def _chunks(rows: Iterable[tuple[Any, ...]]) -> Iterator[ReadRows]:
    chunk = ReadRows([], [])
    chunk_bytes = 0
    for row in rows:
        chunk.rows.append(row)
        try:
            stored = marshal.dumps(row, WITHOUT_REFERENCES)
        except ValueError:  # such as an instant
            chunk.stored.append(None)
            chunk_bytes += _size(row)
        else:
            size = len(stored)
            chunk.stored.append(stored if size < _STORED_BYTES else None)
            chunk_bytes += size
        if chunk_bytes >= CHUNK_BYTES or len(chunk.rows) >= CHUNK_ROWS:
            yield chunk
            chunk, chunk_bytes = ReadRows([], []), 0
    if chunk.rows:
        yield chunk


def _size(row: tuple[Any, ...]) -> int:
    return sum(
        [len(value) if value.__class__ is str else _bytes(value) for value in row if value.__class__ not in _SMALL]
    )


def _bytes(value: Any) -> int:
    """Return about how much memory a value takes: of text, binary data, and what is nested in arrays and objects."""
    if isinstance(value, dict):
        return sum(map(_bytes, value.values())) + 64 * len(value)
    if isinstance(value, list | tuple):
        return sum(map(_bytes, value)) + 8 * len(value)
    return len(value) if isinstance(value, str | bytes | bytearray | memoryview) else 64


def _close(conn: Connection) -> None:
    """Give the connection back; one that was lost has nothing left to roll back, and whoever read from it knows."""
    try:
        conn.close()
    except DBAPIError:
        log.debug("The connection of the source could not be closed: it is lost")


def _type_codes(result: CursorResult[Any]) -> list[Any]:
    description = result.cursor.description if result.cursor else []
    return [column[1] for column in description or []]


def _wait_for_writers(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
