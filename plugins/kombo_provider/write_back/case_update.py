"""The target on a database that JoinedUpdate does not know: with words that every database has.

Many rows take one UPDATE, whose CASE picks each row's ids by its key: a statement for each row would take hours where
one costs a second (BigQuery, Snowflake) or scans the table (no index). Nothing is created, so no right to is needed,
and a key is compared with the column itself, by the column's own collation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
)
from sqlalchemy import update as update_of

from kombo_provider.ledger.delivered_ids import DeliveredIds
from kombo_provider.ledger.kombo_ids import ID_COLUMNS
from kombo_provider.write_back.joined_update import texts_of
from kombo_provider.write_back.key_casts import key_cast
from kombo_provider.write_back.matching import Found, Pair, ids_there
from kombo_provider.write_back.target import DELIVERED_AT, WRITTEN_COLUMNS, written

_PARAMETERS = 2_000
"""SQL Server takes 2,100 in a statement. More rows in a CASE would cost more than more statements do."""
_PARAMETERS_OF_DATABRICKS = 250
_KEYS_PER_QUERY = 1_000
"""What Oracle takes in a list."""


class CaseUpdate:
    """Does what JoinedUpdate does, without a join.

    No bind parameter bears the name of a column: SQLAlchemy reserves those in an UPDATE.
    """

    def __init__(self, conn: Connection, table: Table, key: Mapping[str, str]) -> None:
        self._conn, self._table, self._key = conn, table, key
        self._casts = {part: key_cast("other", table.c[column]) for part, column in key.items()}
        self._columns = [self._casts[part].compared(table.c[column]) for part, column in key.items()]
        parameters = _PARAMETERS_OF_DATABRICKS if conn.dialect.name == "databricks" else _PARAMETERS
        self._keys_per_query = min(_KEYS_PER_QUERY, parameters)
        # A row's key stands in the CASE of each column and in the condition, its ids in one CASE each.
        self.rows_per_update = parameters // (len(key) * (len(WRITTEN_COLUMNS) + 1) + len(WRITTEN_COLUMNS))
        self.update = cache(self._update)

    def find(self, pairs: Mapping[int, Pair]) -> list[Found]:
        """Return the rows of each key, by the key's number; a key that no value of its column equals has none."""
        keyed = {number: values for number, pair in pairs.items() if (values := self._values(pair)) is not None}
        numbers: dict[tuple[Any, ...], list[int]] = {}
        for number, values in keyed.items():
            numbers.setdefault(tuple(map(_folded, values)), []).append(number)
        found: list[Found] = []
        for row in self._rows(sorted({values[0] for values in keyed.values()})):
            same = numbers.get(tuple(map(_folded, row[: len(self._key)])), ())
            found += [self._found(number, row, pairs[number]) for number in same]
        return found

    def _rows(self, wanted: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        for begin in range(0, len(wanted), self._keys_per_query):
            for row in self._conn.execute(self.query(wanted[begin : begin + self._keys_per_query])):
                yield tuple(row)

    def query(self, wanted: Sequence[Any]) -> Select[Any]:
        """Return the statement that looks rows up by the first part of their key."""
        ids = [func.min(self._table.c[name]) for name in ID_COLUMNS]
        return (
            select(*self._columns, func.count(), func.count(self._table.c[DELIVERED_AT]), *ids)
            .where(self._columns[0].in_(wanted))
            .group_by(*self._columns)
        )

    def write(self, delivered: Mapping[int, DeliveredIds]) -> int:
        """Write the ids of these; where Kombo named no id, the table keeps its own. Return how many rows changed."""
        rows, changed = iter(delivered.values()), 0
        while some := list(islice(rows, self.rows_per_update)):
            parameters: dict[str, Any] = {}
            for number, one in enumerate(some):
                parameters |= self._parameters(number, one)
            changed += self._conn.execute(self.update(len(some)), parameters).rowcount
        return changed

    def try_write(self) -> None:
        """Have the database check types and rights: the same statement on no row."""
        statement = self.update(1).where(false())
        self._conn.execute(statement, dict.fromkeys(statement.compile(dialect=self._conn.dialect).params))

    def _update(self, rows: int) -> Update:
        """Return the statement that writes so many rows."""
        has_key = [self._has_key(number) for number in range(rows)]
        values = {}
        for name in WRITTEN_COLUMNS:
            column = self._table.c[name]
            cases = []
            for number in range(rows):
                new = bindparam(_new(name, number), type_=column.type)
                cases.append((has_key[number], func.coalesce(new, column)))
            values[name] = case(*cases)
        return update_of(self._table).where(self._has_one_of_keys(rows)).values(values)

    def _has_one_of_keys(self, rows: int) -> ColumnElement[bool]:
        """A list, where it can be one: databases look a value up in it, and go through a disjunction."""
        if len(self._columns) > 1:
            return or_(*(self._has_key(number) for number in range(rows)))
        [column] = self._columns
        listed: ColumnElement[bool] = column.in_([self._parts(number)[0] for number in range(rows)])
        return listed

    def _has_key(self, number: int) -> ColumnElement[bool]:
        parts = self._parts(number)
        return and_(*(column == part for column, part in zip(self._columns, parts, strict=True)))

    def _parts(self, number: int) -> list[BindParameter[Any]]:
        return [bindparam(_key(part, number), type_=cast.listed_as) for part, cast in self._casts.items()]

    def _parameters(self, number: int, one: DeliveredIds) -> dict[str, Any]:
        found: dict[str, Any] = {}
        keys = self._values((one.integration_id, one.applicant_id)) or ()
        for part, key in zip(self._key, keys, strict=True):
            found[_key(part, number)] = key
        for name, value in zip(WRITTEN_COLUMNS, written(self._table, one), strict=True):
            found[_new(name, number)] = value
        return found

    def _values(self, pair: Pair) -> tuple[Any, ...] | None:
        texts = texts_of(pair)
        try:
            return tuple(cast.of_text(texts[part]) for part, cast in self._casts.items())
        except (ValueError, ArithmeticError):
            return None

    def _found(self, number: int, row: tuple[Any, ...], pair: Pair) -> Found:
        size, texts = len(self._key), texts_of(pair)
        printed = tuple(None if value is None else str(value) for value in row[:size])
        exact = all(
            cast.prints(value, texts[part]) for value, (part, cast) in zip(printed, self._casts.items(), strict=True)
        )
        rows, dated, *ids = row[size:]
        return Found(number, printed, exact, rows, ids_there(ids), bool(dated))


def _key(part: str, number: int) -> str:
    return f"kombo_is_{part}_{number}"


def _new(column: str, number: int) -> str:
    return f"new_{column}_{number}"


def _folded(value: Any) -> Any:
    """Bring texts together that a case-insensitive or padded column takes for one."""
    return value.rstrip(" ").casefold() if isinstance(value, str) else value
