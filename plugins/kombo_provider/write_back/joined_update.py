"""Delivered ids as something that SQL can join a table with, so that a thousand rows take one statement.

PostgreSQL takes a list as one array per column, SQLite as a temporary table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    FromClause,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from kombo_provider.ledger import DeliveredIds
from kombo_provider.write_back.key_casts import key_cast
from kombo_provider.write_back.target import DELIVERED_AT, ID_COLUMNS, WRITTEN_COLUMNS

_TEMPORARY = "kombo_write_back"


class IdList:
    """The ids of deliveries, numbered in their order; `key` maps fields of DeliveredIds to the table's columns.

    A delivery whose key cannot be a value of its column is left out.
    """

    def __init__(
        self, conn: Connection, table: Table, key: Mapping[str, str], delivered: Mapping[int, DeliveredIds]
    ) -> None:
        self._conn, self._table, self._key = conn, table, key
        self._casts = {part: key_cast(conn.dialect.name, table.c[column]) for part, column in key.items()}
        rows = [self._row(number, ids) for number, ids in delivered.items()]
        self._rows = [row for row in rows if row is not None]

    def _row(self, number: int, ids: DeliveredIds) -> tuple[Any, ...] | None:
        try:
            keys = [cast.of_text(getattr(ids, part)) for part, cast in self._casts.items()]
        except (ValueError, ArithmeticError):
            return None
        values = [getattr(ids, name) for name in ID_COLUMNS]
        return (number, *keys, *values, delivered_at(self._table.c[DELIVERED_AT], ids))

    def count_matches(self) -> Counter[int]:
        """Count the table's rows of each delivery, by its number."""
        if not self._rows:
            return Counter()
        listed = self._listed()
        query = select(listed.c.number, func.count()).where(*self._conditions(listed)).group_by(listed.c.number)
        return Counter({row[0]: row[1] for row in self._conn.execute(query)})

    def write(self) -> None:
        """Write all of them; where Kombo named no id, the table keeps its own."""
        if self._rows:
            listed = self._listed()
            values = {name: func.coalesce(listed.c[name], self._table.c[name]) for name in WRITTEN_COLUMNS}
            self._conn.execute(update(self._table).where(*self._conditions(listed)).values(values))

    def _conditions(self, listed: FromClause) -> list[ColumnElement[bool]]:
        return [
            self._casts[part].compared(self._table.c[column]) == listed.c[part] for part, column in self._key.items()
        ]

    def _listed(self) -> FromClause:
        types: dict[str, TypeEngine[Any]] = {"number": Integer()}
        types |= {part: cast.listed_as for part, cast in self._casts.items()}
        types |= dict.fromkeys(ID_COLUMNS, Text()) | {DELIVERED_AT: _instant_type(self._table.c[DELIVERED_AT])}
        if self._conn.dialect.name == "postgresql":
            return _arrays(types, self._rows)
        return _temporary_table(self._conn, types, self._rows)


def _arrays(types: Mapping[str, TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]) -> FromClause:
    lists = [
        bindparam(None, list(values), type_=ARRAY(kind))
        for kind, values in zip(types.values(), zip(*rows, strict=True), strict=True)
    ]
    columns = [Column(name, kind) for name, kind in types.items()]
    return func.unnest(*lists).table_valued(*columns).render_derived()


def _temporary_table(
    conn: Connection, types: Mapping[str, TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]
) -> FromClause:
    columns = [Column(name, kind) for name, kind in types.items()]
    table = Table(_TEMPORARY, MetaData(), *columns, prefixes=["TEMPORARY"], schema="temp")
    keys = [column for column in table.columns if column.name in DeliveredIds._fields[:2]]
    conn.exec_driver_sql(f"DROP TABLE IF EXISTS temp.{_TEMPORARY}")
    described = ", ".join(f"{column.name} {column.type.compile(conn.dialect)}" for column in table.columns)
    conn.exec_driver_sql(f"CREATE TEMPORARY TABLE {_TEMPORARY} ({described})")
    marks = ", ".join("?" * len(types))
    conn.exec_driver_sql(f"INSERT INTO temp.{_TEMPORARY} VALUES ({marks})", list(rows))  # noqa: S608 - our own names
    named = ", ".join(column.name for column in keys)
    conn.exec_driver_sql(f"CREATE INDEX temp.{_TEMPORARY}_key ON {_TEMPORARY} ({named})")
    return table


def delivered_at(column: Column[Any], ids: DeliveredIds) -> Any:
    """Return the delivery's instant as the column takes it: naive ones are in UTC, text is ISO 8601."""
    at = ids.delivered_at.astimezone(UTC) if ids.delivered_at else None
    if at is None:
        return None
    if isinstance(column.type, DateTime):
        return at if column.type.timezone else at.replace(tzinfo=None)
    return at.date() if isinstance(column.type, Date) else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant_type(column: Column[Any]) -> TypeEngine[Any]:
    if isinstance(column.type, DateTime):
        return DateTime(timezone=column.type.timezone)
    return Date() if isinstance(column.type, Date) else Text()
