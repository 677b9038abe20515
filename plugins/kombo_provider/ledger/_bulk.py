"""Many rows into a table of the ledger, by the fastest way its driver has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_rows(conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of driver values (instants through `stamper`) into the columns.

    A driver's own errors may leave this: `Ledger.transaction` takes care of them.
    """
    if not rows:
        return
    into = f"{qualified(conn, table.name)} ({', '.join(columns)})"
    if conn.dialect.driver == "psycopg":
        driver: Any = conn.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    mark = "?" if conn.dialect.paramstyle == "qmark" else "%s"
    marks = ", ".join([mark] * len(columns))
    conn.exec_driver_sql(f"INSERT INTO {into} VALUES ({marks})", list(rows))  # noqa: S608 - our own names


Changes = Callable[[Any], dict[str, Any]]
"""From the columns of a row that could not be inserted to what changes in the one that is there."""


def upsert(conn: Connection, table: Table, changes: Changes | None = None) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that changes the row of a key that is there: all of it, or what `changes` names."""
    insert = postgresql.insert(table) if conn.dialect.name == "postgresql" else sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    values = changes(insert.excluded) if changes is not None else all_columns(table, insert.excluded)
    return insert.on_conflict_do_update(index_elements=keys, set_=values)


def all_columns(table: Table, new: Any) -> dict[str, Any]:
    """Return every column but the key's, as the new row has it."""
    return {column.name: new[column.name] for column in table.c if not column.primary_key}


def qualified(conn: Connection, name: str) -> str:
    """Return a table's or view's name, with the schema that the ledger lives in."""
    schema: str | None = (conn.get_execution_options().get("schema_translate_map") or {}).get(None)
    return f"{conn.dialect.identifier_preparer.quote_schema(schema)}.{name}" if schema else name


def stamper(conn: Connection) -> Callable[[datetime | None], Any]:
    """Return what makes a driver's value of an instant (see tables.UtcDateTime)."""
    return lru_cache(maxsize=64)(_sqlite_text) if conn.dialect.name == "sqlite" else _as_it_is


def _sqlite_text(at: datetime | None) -> str | None:
    if at is None:
        return None
    in_utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return in_utc.isoformat(" ", "microseconds").removesuffix("+00:00")


def _as_it_is(at: datetime | None) -> datetime | None:
    return at
