"""The target on a database that is neither PostgreSQL nor SQLite: with statements that every database has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, Update, bindparam, false, func, select, update

from kombo_provider.ledger import DeliveredIds
from kombo_provider.write_back.joined_update import texts_of
from kombo_provider.write_back.key_casts import key_cast
from kombo_provider.write_back.matching import Found, Pair, ids_of
from kombo_provider.write_back.target import DELIVERED_AT, ID_COLUMNS, WRITTEN_COLUMNS, delivered_at

_KEYS_PER_QUERY = 500
"""Oracle takes 1,000 values in a list, SQL Server 2,100 parameters in a statement."""


class SingleUpdates:
    """Does what JoinedUpdate does, with an executemany instead of a join.

    No bind parameter bears the name of a column: SQLAlchemy reserves those in an UPDATE.
    """

    def __init__(self, conn: Connection, table: Table, key: Mapping[str, str]) -> None:
        self._conn, self._table, self._key = conn, table, key
        self._casts = {part: key_cast("other", table.c[column]) for part, column in key.items()}
        self._columns = [self._casts[part].compared(table.c[column]) for part, column in key.items()]

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
        for begin in range(0, len(wanted), _KEYS_PER_QUERY):
            for row in self._conn.execute(self.query(wanted[begin : begin + _KEYS_PER_QUERY])):
                yield tuple(row)

    def query(self, wanted: Sequence[Any]) -> Select[Any]:
        """Return the statement that looks rows up by the first part of their key."""
        ids = [func.min(self._table.c[name]) for name in ID_COLUMNS]
        return (
            select(*self._columns, func.count(), func.count(self._table.c[DELIVERED_AT]), *ids)
            .where(self._columns[0].in_(wanted))
            .group_by(*self._columns)
        )

    def write(self, delivered: Mapping[int, DeliveredIds]) -> None:
        """Write the ids of these; where Kombo named no id, the table keeps its own."""
        parameters = [self._parameters(one) for one in delivered.values()]
        if parameters:
            self._conn.execute(self.update(), parameters)

    def try_write(self) -> None:
        """Have the database check types and rights: the same statement on no row."""
        statement = self.update().where(false())
        self._conn.execute(statement, dict.fromkeys(statement.compile(dialect=self._conn.dialect).params))

    def update(self) -> Update:
        """Return the statement that writes one row."""
        conditions = [
            column == bindparam(f"kombo_where_{number}", type_=cast.listed_as)
            for number, (column, cast) in enumerate(zip(self._columns, self._casts.values(), strict=True))
        ]
        values = {
            name: func.coalesce(bindparam(f"kombo_new_{number}", type_=self._table.c[name].type), self._table.c[name])
            for number, name in enumerate(WRITTEN_COLUMNS)
        }
        return update(self._table).where(*conditions).values(values)

    def _parameters(self, one: DeliveredIds) -> dict[str, Any]:
        keys = self._values((one.integration_id, one.applicant_id)) or ()
        new = (*ids_of(one), delivered_at(self._table.c[DELIVERED_AT], one.delivered_at))
        return {f"kombo_where_{number}": value for number, value in enumerate(keys)} | {
            f"kombo_new_{number}": value for number, value in enumerate(new)
        }

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
        return Found(number, printed, exact, rows, tuple(ids), bool(dated))


def _folded(value: Any) -> Any:
    """Bring texts together that a case-insensitive or padded column takes for one."""
    return value.rstrip(" ").casefold() if isinstance(value, str) else value
