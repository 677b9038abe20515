"""Many rows into a table of the ledger, by the fastest way its driver has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, SmallInteger, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from kombo_provider.ledger._tables import UtcDateTime


def insert_rows(conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of driver values (instants through `stamper`) into the columns.

    A driver's own errors may leave this: `Ledger.transaction` takes care of them.
    """
    if not rows:
        return
    if conn.dialect.driver == "psycopg":
        into = f"{qualified(conn, table.name)} ({', '.join(columns)})"
        driver: Any = conn.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types([_type_on_the_wire(table.c[name]) for name in columns])
            for row in rows:
                copy.write_row(row)
        return
    named, values = _without_empty(columns, rows)
    mark = "%s"
    if conn.dialect.paramstyle == "qmark":
        mark = "?"
    marks = ", ".join([mark] * len(named))
    into = f"{qualified(conn, table.name)} ({', '.join(named)})"
    conn.exec_driver_sql(f"INSERT INTO {into} VALUES ({marks})", values)  # noqa: S608 - our own names


def _without_empty(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return columns and rows without the columns that are NULL in all rows: each costs SQLite a value to bind."""
    filled = []
    for number, values in enumerate(zip(*rows, strict=True)):
        if values.count(None) < len(rows):
            filled.append(number)
    # itemgetter makes each row's tuple without a loop in Python: thousands of rows come by here.
    return [columns[number] for number in filled], list(map(itemgetter(*filled), rows))


def _type_on_the_wire(column: Column[Any]) -> str:
    """Return PostgreSQL's name of a column's type: a binary COPY converts nothing, and is quickest for instants."""
    return _POSTGRESQL_TYPES[type(column.type)]


_POSTGRESQL_TYPES: dict[type[TypeEngine[Any]], str] = {
    Text: "text",
    SmallInteger: "int2",
    Integer: "int4",
    BigInteger: "int8",
    UtcDateTime: "timestamptz",
}


def insert_into(conn: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that may say ON CONFLICT: each database has a construct of its own for it."""
    if conn.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


Changes = Callable[[Any], dict[str, Any]]
"""From the columns of a row that could not be inserted to what changes in the one that is there."""


def upsert(conn: Connection, table: Table, changes: Changes | None = None) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that changes the row of a key that is there: all of it, or what `changes` names."""
    insert = insert_into(conn, table)
    if changes is None:
        values = all_columns(table, insert.excluded)
    else:
        values = changes(insert.excluded)
    keys = [column.name for column in table.primary_key]
    return insert.on_conflict_do_update(index_elements=keys, set_=values)


def all_columns(table: Table, new: Any) -> dict[str, Any]:
    """Return every column but the key's, as the new row has it."""
    return {column.name: new[column.name] for column in table.c if not column.primary_key}


def qualified(conn: Connection, name: str) -> str:
    """Return a table's or view's name, with the schema that the ledger lives in."""
    # Where SQL is written by hand, nobody else puts the schema before the name.
    translated = conn.get_execution_options().get("schema_translate_map") or {}
    schema: str | None = translated.get(None)
    if not schema:
        return name
    return f"{conn.dialect.identifier_preparer.quote_schema(schema)}.{name}"


def stamper(conn: Connection) -> Callable[[datetime | None], Any]:
    """Return what makes a driver's value of an instant (see tables.UtcDateTime)."""
    if conn.dialect.name == "sqlite":
        return _sqlite_text
    return _as_it_is


def _sqlite_text(at: datetime | None) -> str | None:
    if at is None:
        return None
    in_utc = at
    if at.tzinfo is not UTC:  # each row of staging comes by here, and nearly all are in UTC
        in_utc = at.astimezone(UTC)
    return in_utc.isoformat(" ", "microseconds").removesuffix("+00:00")


def _as_it_is(at: datetime | None) -> datetime | None:
    return at
