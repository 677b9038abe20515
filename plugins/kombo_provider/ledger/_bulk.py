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
    marks = ", ".join(["?" if conn.dialect.paramstyle == "qmark" else "%s"] * len(named))
    into = f"{qualified(conn, table.name)} ({', '.join(named)})"
    conn.exec_driver_sql(f"INSERT INTO {into} VALUES ({marks})", values)  # noqa: S608 - our own names


def _without_empty(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return columns and rows without the columns that are NULL in all rows: each costs SQLite a value to bind."""
    filled = [number for number, values in enumerate(zip(*rows, strict=True)) if values.count(None) < len(rows)]
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
    return _sqlite_text if conn.dialect.name == "sqlite" else _as_it_is


def _sqlite_text(at: datetime | None) -> str | None:
    if at is None:
        return None
    in_utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return in_utc.isoformat(" ", "microseconds").removesuffix("+00:00")


def _as_it_is(at: datetime | None) -> datetime | None:
    return at
