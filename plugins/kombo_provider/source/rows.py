"""The rows of a query one after the other, so that no more of them are in memory than the caller keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import cache
from typing import Any

from sqlalchemy import Connection, TextClause, text

_SNAPSHOT = "kombo_extract"
_BUFFERED_ROWS = 20
_ROWS_AT_ONCE = 8
"""So many rows of seven megabytes are held besides those of the chunk; more would save little."""
_ISO_DATES = text("SELECT set_config('DateStyle', 'ISO', true)")
"""A role's own style would come as texts that no driver reads; how the SELECT reads 01/02 stays the role's."""
_MAY_BE_OUT_OF_RANGE = ("date", "time", "timetz", "timestamp", "timestamptz", "interval")
_JSON = ("json", "jsonb")


def read_rows(conn: Connection, sql: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows as tuples of the driver's Python objects; a driver's own errors may leave this."""
    query = text(sql).bindparams(**parameters)
    if conn.dialect.name == "postgresql":
        conn.execute(_ISO_DATES)
    if conn.dialect.name == "sqlite":
        return _from_sqlite(conn, sql, parameters)
    if conn.dialect.driver == "psycopg":
        return _from_psycopg(conn, query)
    return _from_any(conn, query)


def _from_any(conn: Connection, query: TextClause) -> Iterator[tuple[Any, ...]]:
    with conn.execution_options(stream_results=True, max_row_buffer=_BUFFERED_ROWS).execute(query) as result:
        for row in result:
            yield tuple(row)


def _from_psycopg(conn: Connection, query: TextClause) -> Iterator[tuple[Any, ...]]:
    """A few rows at a time off the wire: a cursor on the server would send as many as asked for, of whatever size."""
    from psycopg import capabilities

    at_once = _ROWS_AT_ONCE if capabilities.has_stream_chunked() else 1
    driver: Any = conn.connection.driver_connection
    compiled = query.compile(dialect=conn.dialect)
    with driver.cursor() as cursor:
        for name in (*_MAY_BE_OUT_OF_RANGE, *_JSON):
            cursor.adapters.register_loader(
                name, _lenient(cursor.adapters.get_loader(driver.adapters.types[name].oid, 0))
            )
        yield from cursor.stream(str(compiled), compiled.params, size=at_once)


@cache
def _lenient(strict: Any) -> Any:
    """Return a loader for what Python has no value for.

    Of an instant such as `infinity` or 44 BC it gives the text. Of JSON nested by the thousand, or with a number of
    thousands of digits, it gives the bytes, which no field takes: as text it would pass for a name.
    """
    from psycopg import DataError
    from psycopg.adapt import Loader

    class Lenient(Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._load = strict(oid, context).load

        def load(self, data: Any) -> Any:
            try:
                return self._load(data)
            except DataError:
                return bytes(data).decode()
            except (ValueError, RecursionError):
                return bytes(data)

    return Lenient


def _from_sqlite(conn: Connection, sql: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Read a copy: a cursor on a table of the file would keep the ledger, which may lie in it, from committing."""
    conn.execute(text(f"DROP TABLE IF EXISTS temp.{_SNAPSHOT}"))
    conn.execute(text(f"CREATE TEMP TABLE {_SNAPSHOT} AS {sql}"), parameters)
    conn.commit()
    driver: Any = conn.connection.driver_connection
    read = 0
    try:
        for row in _from_snapshot(driver, read):
            read += 1
            yield row
    except conn.dialect.loaded_dbapi.OperationalError as exc:
        if "Could not decode" not in str(exc):
            raise
        driver.text_factory = _decoded
        yield from _from_snapshot(driver, read)
    conn.execute(text(f"DROP TABLE temp.{_SNAPSHOT}"))


def _from_snapshot(driver: Any, read: int) -> Iterator[tuple[Any, ...]]:
    with closing(driver.cursor()) as cursor:
        yield from cursor.execute(f"SELECT * FROM temp.{_SNAPSHOT} WHERE rowid > ? ORDER BY rowid", (read,))  # noqa: S608 - our own name


def _decoded(stored: bytes) -> str:
    """Keep bytes that are no UTF-8 as lone surrogates, which make their row invalid and no other."""
    return stored.decode("utf-8", "surrogateescape")
