"""Keys and ids as something that SQL can join the target with, so that a thousand rows take one statement.

PostgreSQL and DuckDB take a list as one array per column, SQLite as a temporary table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Function,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    bindparam,
    cast,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from kombo_provider.ledger.delivered_ids import DeliveredIds
from kombo_provider.ledger.kombo_ids import ID_COLUMNS, KomboIds
from kombo_provider.write_back.key_casts import key_cast
from kombo_provider.write_back.matching import Found, Pair, ids_there
from kombo_provider.write_back.target import DELIVERED_AT, WRITTEN_COLUMNS, written, written_types

_TEMPORARY = "kombo_write_back_keys_and_ids"
_PARTS = ("integration_id", "applicant_id")
_LISTED_AS = {"integration_id": "kombo_key_integration", "applicant_id": "kombo_key_applicant"}


class JoinedUpdate:
    """The target on PostgreSQL, DuckDB and SQLite; `key` maps the parts of a delivery's key to the table's columns."""

    def __init__(self, conn: Connection, table: Table, key: Mapping[str, str]) -> None:
        self._conn, self._table, self._key = conn, table, key
        self._casts = {part: key_cast(conn.dialect.name, table.c[column]) for part, column in key.items()}
        self._of_parts = list(self._casts.values())
        self._places = [_PARTS.index(part) for part in key]
        self._key_types: dict[str, TypeEngine[Any]] = {
            "number": Integer(),
            **{_LISTED_AS[part]: cast.listed_as for part, cast in self._casts.items()},
        }

    def find(self, pairs: Mapping[int, Pair]) -> list[Found]:
        """Return the rows of each key, by the key's number; a key that no value of its column equals has none."""
        keyed = {number: values for number, pair in pairs.items() if (values := self._values(pair)) is not None}
        if not keyed:
            return []
        listed = self._listed(self._key_types, [(number, *values) for number, values in keyed.items()])
        printed = [cast(self._table.c[column], Text) for column in self._key.values()]
        ids = [func.min(cast(self._table.c[name], Text)) for name in ID_COLUMNS]
        query = (
            select(listed.c.number, func.count(), func.count(self._table.c[DELIVERED_AT]), *ids, *printed)
            .where(*self._conditions(listed))
            .group_by(listed.c.number, *printed)
        )
        return [self._found(tuple(row), pairs) for row in self._conn.execute(query)]

    def write(self, delivered: Mapping[int, DeliveredIds]) -> int:
        """Write the ids of these, all in one statement; where Kombo named no id, the table keeps its own.

        Return how many rows the database says it changed.
        """
        types = self._key_types | written_types(self._table)
        listed = self._listed(types, [self._row(number, one) for number, one in delivered.items()])
        values = {name: func.coalesce(listed.c[name], self._table.c[name]) for name in WRITTEN_COLUMNS}
        return self._conn.execute(update(self._table).where(*self._conditions(listed)).values(values)).rowcount

    def try_write(self) -> None:
        """Have the database check types and rights: the same statement on no row."""
        self.write({})

    def _row(self, number: int, one: DeliveredIds) -> tuple[Any, ...]:
        keys = self._values((one.integration_id, one.applicant_id)) or ()
        return number, *keys, *written(self._table, one)

    def _values(self, pair: Pair) -> tuple[Any, ...] | None:
        try:
            return tuple([cast.of_text(text) for cast, text in zip(self._of_parts, self._texts(pair), strict=True)])
        except (ValueError, ArithmeticError):
            return None

    def _found(self, row: tuple[Any, ...], pairs: Mapping[int, Pair]) -> Found:
        number, rows, dated, *others = row
        ids, printed = KomboIds(*others[: len(ID_COLUMNS)]), tuple(others[len(ID_COLUMNS) :])
        texts = self._texts(pairs[number])
        exact = printed == texts or all(
            cast.prints(value, text) for cast, value, text in zip(self._of_parts, printed, texts, strict=True)
        )
        return Found(number, printed, exact, rows, ids_there(ids), bool(dated))

    def _texts(self, pair: Pair) -> tuple[str, ...]:
        """Return a key's texts in the order of the table's columns."""
        return tuple([pair[place] for place in self._places])

    def _conditions(self, listed: FromClause) -> list[ColumnElement[bool]]:
        return [
            self._casts[part].compared(self._table.c[column]) == listed.c[_LISTED_AS[part]]
            for part, column in self._key.items()
        ]

    def _listed(self, types: Mapping[str, TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]) -> FromClause:
        if self._conn.dialect.name == "postgresql":
            return _arrays(types, rows)
        if self._conn.dialect.name == "duckdb":
            return _arrays_of_duckdb(types, rows)
        return _temporary_table(self._conn, types, rows)


def texts_of(pair: Pair) -> dict[str, str]:
    """Return the parts of a key by their names."""
    return {"integration_id": pair[0], "applicant_id": pair[1]}


def _arrays(types: Mapping[str, TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]) -> FromClause:
    lists = [bindparam(None, values, type_=ARRAY(types[name])) for name, values in _by_column(types, rows).items()]
    columns = [Column(name, kind) for name, kind in types.items()]
    # Not `func.unnest`: the dialects of some warehouses register that name for their own.
    return Function("unnest", *lists).table_valued(*columns).render_derived()


def _arrays_of_duckdb(types: Mapping[str, TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]) -> FromClause:
    """Its `unnest` takes one array, but several of them in one SELECT are read side by side."""
    listed = []
    for name, values in _by_column(types, rows).items():
        kind = types[name]
        # duckdb_engine would make floats of decimals.
        sent_as = Text() if isinstance(kind, Numeric) else kind
        array = cast(bindparam(None, values, type_=ARRAY(sent_as)), ARRAY(kind))
        listed.append(Function("unnest", array, type_=kind).label(name))
    return select(*listed).subquery()


def _by_column(types: Mapping[str, TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    if not rows:
        return {name: [] for name in types}
    return {name: list(values) for name, values in zip(types, zip(*rows, strict=True), strict=True)}


def _temporary_table(
    conn: Connection, types: Mapping[str, TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]
) -> FromClause:
    columns = [Column(name, kind) for name, kind in types.items()]
    table = Table(_TEMPORARY, MetaData(), *columns, prefixes=["TEMPORARY"], schema="temp")
    conn.exec_driver_sql(f"DROP TABLE IF EXISTS temp.{_TEMPORARY}")
    described = ", ".join(f"{column.name} {column.type.compile(conn.dialect)}" for column in table.columns)
    conn.exec_driver_sql(f"CREATE TEMPORARY TABLE {_TEMPORARY} ({described})")
    marks = ", ".join("?" * len(types))
    if rows:
        conn.exec_driver_sql(f"INSERT INTO temp.{_TEMPORARY} VALUES ({marks})", list(rows))  # noqa: S608 - our own names
    conn.exec_driver_sql(f"ANALYZE temp.{_TEMPORARY}")  # else SQLite takes it for the larger table, and scans the other
    return table
