"""The source SELECT as chunks of rows, none held longer than its turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Row, TextClause, event, text
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import OperationalError

from kombo_provider.database import driver_errors
from kombo_provider.errors import SourceError
from kombo_provider.source.window import Window

if TYPE_CHECKING:
    import pandas as pd

CHUNK_ROWS = 5_000
CHUNK_BYTES = 16 * 1024 * 1024
_FIRST_FETCH = 50
_SNAPSHOT = "kombo_extract"
_TIMESTAMPTZ_OID, _NAIVE_OIDS = 1184, (1114, 1082)


class SourceReader:
    """Reads `sql`, one SELECT, wrapped as a subquery; `where` names it in messages.

    Raises SourceError, without any row's contents, where the database refuses the query.
    """

    def __init__(self, engine: Engine, sql: str, *, where: str) -> None:
        self._engine = engine
        self._sql = sql.strip().rstrip(";").replace(":", r"\:")
        self._where = where
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _wait_for_writers)

    @contextmanager
    def open(self) -> Iterator[OpenSource]:
        """Connect, and learn the SELECT's columns before any row is read."""
        with self._errors(), self._engine.connect() as conn:
            probe = conn.execute(text(f"SELECT * FROM (\n{self._sql}\n) AS kombo_source WHERE 1 = 0"))  # noqa: S608 - the user's own SELECT
            columns, types = list(probe.keys()), _type_codes(probe)
            conn.rollback()
            yield OpenSource(conn, self._sql, columns, types)

    def _errors(self) -> Any:
        return driver_errors(
            self._engine,
            SourceError,
            f"The source query ({self._where}) failed",
            "Nothing was staged from here on. Correct the SELECT or the rights of the warehouse connection, run again",
        )


class OpenSource:
    """A connected source: its columns, and its rows chunk by chunk."""

    def __init__(self, conn: Connection, sql: str, columns: list[str], types: Sequence[Any]) -> None:
        self._conn, self._sql, self.columns, self._types = conn, sql, columns, types
        self._fetch_rows = _FIRST_FETCH

    def frames(self, window: Window) -> Iterator[pd.DataFrame]:
        """Yield the rows that may lie in the window, as frames of untouched Python objects (dtype object).

        The cut is coarse, a day wider than the window: the caller compares each row's own instant.
        A frame holds at most CHUNK_ROWS rows and, unless a single row is larger, about CHUNK_BYTES.
        """
        import pandas as pd

        for rows in self._chunks(window):
            yield pd.DataFrame(rows, columns=self.columns, dtype=object)

    def _chunks(self, window: Window) -> Iterator[list[Any]]:
        chunk: list[Any] = []
        chunk_bytes = 0
        for rows in self._fetches(window):
            fetched = sum(map(_row_bytes, rows))
            chunk += rows
            chunk_bytes += fetched
            per_row = max(1, fetched // max(1, len(rows)))
            if len(chunk) >= CHUNK_ROWS or chunk_bytes >= CHUNK_BYTES:
                yield chunk
                chunk, chunk_bytes = [], 0
            self._fetch_rows = max(1, min(CHUNK_ROWS - len(chunk), (CHUNK_BYTES - chunk_bytes) // per_row))
        if chunk:
            yield chunk

    def _fetches(self, window: Window) -> Iterator[list[Any]]:
        sql, parameters = self._windowed(window)
        if self._conn.dialect.name == "sqlite":
            yield from self._snapshot(sql, parameters)
            return
        with self._conn.execution_options(stream_results=True).execute(text(sql), parameters) as result:
            while rows := result.fetchmany(self._fetch_rows):
                yield [tuple(row) for row in rows]

    def _snapshot(self, sql: str, parameters: dict[str, Any]) -> Iterator[list[Any]]:
        """Copy the rows into a temporary table first: SQLite must not read while the ledger in its file commits."""
        self._conn.execute(text(f"CREATE TEMP TABLE {_SNAPSHOT} AS {sql}"), parameters)
        self._conn.commit()
        page = text(f"SELECT rowid, * FROM {_SNAPSHOT} WHERE rowid > :last ORDER BY rowid LIMIT :size")  # noqa: S608
        last = 0
        while rows := self._page(page, {"last": last, "size": self._fetch_rows}):
            last = rows[-1][0]
            self._conn.rollback()
            yield [tuple(row[1:]) for row in rows]
        self._conn.execute(text(f"DROP TABLE {_SNAPSHOT}"))

    def _page(self, page: TextClause, parameters: dict[str, Any]) -> Sequence[Row[Any]]:
        """Read a page; bytes that are no UTF-8 arrive as lone surrogates, which make the row invalid and no other."""
        try:
            return self._conn.execute(page, parameters).all()
        except OperationalError as exc:
            if "Could not decode" not in str(exc.orig):
                raise
        self._conn.rollback()
        self._conn.connection.dbapi_connection.text_factory = _decoded  # type: ignore[union-attr]
        return self._conn.execute(page, parameters).all()

    def _windowed(self, window: Window) -> tuple[str, dict[str, Any]]:
        sql = f"SELECT * FROM (\n{self._sql}\n) AS kombo_source"  # noqa: S608 - the user's own SELECT
        index = next((i for i, name in enumerate(self.columns) if name.lower() == "changed_at"), None)
        if index is None or (window.lower is None and window.upper is None):
            return sql, {}
        column = self._conn.dialect.identifier_preparer.quote(self.columns[index])
        return _cut(sql, column, self._conn.dialect.name, self._types[index], window)


def _cut(sql: str, column: str, dialect: str, type_code: Any, window: Window) -> tuple[str, dict[str, Any]]:
    """Add the window, a day wider on both sides, where the column can be compared without failing on any value."""
    lower, upper = window.widened()
    if dialect == "sqlite":
        value, aware = f"julianday({column})", None
    elif dialect == "postgresql" and type_code not in (_TIMESTAMPTZ_OID, *_NAIVE_OIDS):
        return sql, {}  # text: a cast would fail the whole query on one bad value
    else:
        value, aware = column, dialect == "postgresql" and type_code == _TIMESTAMPTZ_OID
    parts, parameters = [], {}
    for name, operator, bound in (("lower", ">=", lower), ("upper", "<", upper)):
        if bound is not None:
            parameter = f"kombo_{name}"
            parts.append(f"{value} {operator} " + (f"julianday(:{parameter})" if aware is None else f":{parameter}"))
            naive = bound.replace(tzinfo=None)
            parameters[parameter] = naive.isoformat(sep=" ") if aware is None else (bound if aware else naive)
    return f"{sql} WHERE ({' AND '.join(parts)}) OR {value} IS NULL", parameters


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _row_bytes(row: Sequence[Any]) -> int:
    return sum(len(value) for value in row if isinstance(value, (str, bytes))) + 8 * len(row)


def _type_codes(result: CursorResult[Any]) -> list[Any]:
    description = result.cursor.description if result.cursor else []
    return [column[1] for column in description or []]


def _wait_for_writers(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.execute("PRAGMA busy_timeout=60000")
