"""Delivered ids as something that SQL can join a table with, and the statements that do: no matter how many rows.

PostgreSQL takes a list as one array per column, SQLite as a temporary table; any other database gets its rows one by
one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
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
    cast,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from kombo_provider.delivery.key_casts import KeyCast, key_cast
from kombo_provider.delivery.target import DELIVERED_AT, ID_COLUMNS, WRITTEN_COLUMNS
from kombo_provider.ledger.ids import DeliveredIds

Key = Mapping[str, str]
"""Field of DeliveredIds to the target's column."""


class IdList:
    """The ids of deliveries, numbered in their order, in a form that the target's database can join with.

    Deliveries whose key cannot be a value of its column are left out.
    """

    def __init__(self, conn: Connection, table: Table, key: Key, delivered: Sequence[DeliveredIds]) -> None:
        self._conn, self._table, self._key = conn, table, key
        self._casts = {part: key_cast(conn.dialect.name, table.c[column]) for part, column in key.items()}
        self._rows = [row for number, ids in enumerate(delivered) if (row := self._row(number, ids)) is not None]

    def _row(self, number: int, ids: DeliveredIds) -> tuple[Any, ...] | None:
        try:
            keys = [cast.of_text(getattr(ids, part)) for part, cast in self._casts.items()]
        except (ValueError, ArithmeticError):
            return None
        values = [getattr(ids, name) for name in ID_COLUMNS]
        return (number, *keys, *values, _delivered_at(self._table.c[DELIVERED_AT], ids))

    def count_matches(self) -> Counter[int]:
        """Count the target's rows of each delivery, by its number."""
        if not self._rows:
            return Counter()
        listed = self._listed()
        query = select(listed.c.number, func.count()).where(*self._conditions(listed)).group_by(listed.c.number)
        return Counter({row[0]: row[1] for row in self._conn.execute(query)})

    def write(self) -> None:
        """Write all of them; an id that is not known leaves the target's own."""
        if self._rows:
            listed = self._listed()
            values = {name: func.coalesce(listed.c[name], self._table.c[name]) for name in WRITTEN_COLUMNS}
            self._conn.execute(update(self._table).where(*self._conditions(listed)).values(values))

    def _conditions(self, listed: FromClause) -> list[ColumnElement[bool]]:
        return [
            self._casts[part].compared(self._table.c[column]) == listed.c[part] for part, column in self._key.items()
        ]

    def _listed(self) -> FromClause:
        types = {"number": Integer(), **{part: cast.listed_as for part, cast in self._casts.items()}}
        types |= dict.fromkeys(ID_COLUMNS, Text()) | {DELIVERED_AT: _instant_type(self._table.c[DELIVERED_AT])}
        if self._conn.dialect.name == "postgresql":
            return _arrays(types, self._rows)
        return _temporary_table(self._conn, types, self._rows)
