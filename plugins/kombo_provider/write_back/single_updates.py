"""Ids into a table of a database that is neither PostgreSQL nor SQLite: with statements that every database has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, bindparam, func, select, update

from kombo_provider.ledger import DeliveredIds
from kombo_provider.write_back.joined_update import delivered_at
from kombo_provider.write_back.key_casts import key_cast
from kombo_provider.write_back.target import DELIVERED_AT, ID_COLUMNS, WRITTEN_COLUMNS


class IdsOneByOne:
    """Does what IdList does, with an executemany instead of a join."""

    def __init__(
        self, conn: Connection, table: Table, key: Mapping[str, str], delivered: Mapping[int, DeliveredIds]
    ) -> None:
        self._conn, self._table, self._key, self._delivered = conn, table, key, delivered
        self._casts = {part: key_cast("other", table.c[column]) for part, column in key.items()}
        found = {number: self._key_of(ids) for number, ids in delivered.items()}
        self._keys = {number: values for number, values in found.items() if values is not None}

    def _key_of(self, ids: DeliveredIds) -> tuple[Any, ...] | None:
        try:
            return tuple(cast.of_text(getattr(ids, part)) for part, cast in self._casts.items())
        except (ValueError, ArithmeticError):
            return None

    def _compared(self) -> list[Any]:
        return [self._casts[part].compared(self._table.c[column]) for part, column in self._key.items()]

    def count_matches(self) -> Counter[int]:
        """Count the table's rows of each delivery, by its number."""
        if not self._keys:
            return Counter()
        columns = self._compared()
        wanted = sorted({key[0] for key in self._keys.values()})
        query = select(*columns, func.count()).where(columns[0].in_(wanted)).group_by(*columns)
        found = {tuple(map(_unpadded, row[:-1])): row[-1] for row in self._conn.execute(query)}
        return Counter({number: found[key] for number, key in self._keys.items() if key in found})

    def write(self) -> None:
        """Write all of them; where Kombo named no id, the table keeps its own."""
        if not self._keys:
            return
        conditions = [column == bindparam(part) for part, column in zip(self._key, self._compared(), strict=True)]
        values = {
            name: func.coalesce(bindparam(f"new_{name}", type_=self._table.c[name].type), self._table.c[name])
            for name in WRITTEN_COLUMNS
        }
        self._conn.execute(
            update(self._table).where(*conditions).values(values),
            [self._parameters(number, key) for number, key in self._keys.items()],
        )

    def _parameters(self, number: int, key: tuple[Any, ...]) -> dict[str, Any]:
        ids = self._delivered[number]
        values = {f"new_{name}": getattr(ids, name) for name in ID_COLUMNS}
        values[f"new_{DELIVERED_AT}"] = delivered_at(self._table.c[DELIVERED_AT], ids)
        return values | dict(zip(self._key, key, strict=True))


def _unpadded(value: Any) -> Any:
    return value.rstrip(" ") if isinstance(value, str) else value
