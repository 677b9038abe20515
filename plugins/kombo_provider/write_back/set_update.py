"""A range of deliveries into the target in a few statements, where the ledger lies in the same database.

No row comes to Python, so that ten thousand ids cost little more than the UPDATE that writes them. It takes only what
is beyond doubt: a plain table in which a key has one row at most, keys that are spelled as their column prints them,
rows that hold nobody else's ids. What it leaves is looked at row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
    Subquery,
    Table,
    Text,
    Update,
    and_,
    cast,
    distinct,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from kombo_provider.ledger import Ledger, unwritten
from kombo_provider.ledger.kombo_ids import ID_COLUMNS
from kombo_provider.ledger.unwritten import Range
from kombo_provider.write_back.key_casts import InSql, key_cast
from kombo_provider.write_back.matching import Pair
from kombo_provider.write_back.open_target import OpenTarget, Patience, concerns_rows, is_held_up
from kombo_provider.write_back.plain_tables import is_plain_and_unique
from kombo_provider.write_back.target import DELIVERED_AT

RANGE_ROWS = 10_000
"""So many rows are locked at once, on SQLite the whole file: for some hundredths of a second."""

_UNNAMED = "kombo_schema_of_the_connection"
_NAMES_THE_ROW = ("kombo_application_id", "kombo_candidate_id")


def write_in_sets(
    target: OpenTarget, patience: Patience, ledger: Ledger, source: str, *, range_rows: int = RANGE_ROWS
) -> Iterator[int]:
    """Yield how many rows got their ids, for each range of keys; nothing where the target does not allow it.

    A range in which the database refuses a row is left alone as a whole.
    """
    if target.engine.url != ledger.engine.url:
        return
    after: Pair | None = None
    while True:
        with ledger.transaction() as conn:
            keys = unwritten.next_range(conn, source, after, range_rows)
        if keys is None:
            return
        after = keys.last
        try:
            # Whoever holds a lock is waited for where each row is looked at: there he costs his row only.
            with target.writing(patience.next) as conn:
                sets = set_update(conn, target.table(conn), target.key, ledger.schema)
                if sets is None:
                    return
                written = sets.write(keys)
                conn.commit()
            yield written
        except DBAPIError as exc:
            # The look at each row meets the same error, and says what it means.
            if is_held_up(exc) or not concerns_rows(exc):
                return


def set_update(conn: Connection, table: Table, key: Mapping[str, str], ledger_schema: str | None) -> SetUpdate | None:
    """Return what writes into the table in sets, None where a look at each row is needed."""
    if conn.dialect.name not in ("postgresql", "sqlite"):
        return None
    # Other types are given the instant as a text or a day of UTC.
    if not isinstance(table.c[DELIVERED_AT].type, DateTime):
        return None
    casts: dict[str, InSql] = {}
    for part, column in key.items():
        in_sql = key_cast(conn.dialect.name, table.c[column]).in_sql
        if in_sql is None:
            return None
        casts[part] = in_sql
    if not is_plain_and_unique(conn, table, [table.c[column].name for column in key.values()]):
        return None
    return SetUpdate(conn, table, key, casts, ledger_schema)


class SetUpdate:
    """The target on PostgreSQL and SQLite, beside the ledger."""

    def __init__(
        self,
        conn: Connection,
        table: Table,
        key: Mapping[str, str],
        casts: Mapping[str, InSql],
        ledger_schema: str | None,
    ) -> None:
        self._conn, self._key, self._casts = conn, key, casts
        self._table, self._options = table, {}
        if ledger_schema is not None:
            # The ledger's tables have no schema until they are translated, as a target without one would be with them.
            self._table = table if table.schema else table.to_metadata(MetaData(), schema=_UNNAMED)
            self._options = {"schema_translate_map": {None: ledger_schema, _UNNAMED: None}}

    def write(self, keys: Range) -> int:
        """Write the ids of the deliveries in a range and note it in the ledger; return how many rows have them now."""
        waiting = unwritten.rows(self._conn.dialect.name, keys)
        if not self._is_beyond_doubt(waiting, keys):
            return 0
        if self._conn.dialect.name == "postgresql":
            return self._in_one_statement(waiting)
        return self._in_two_statements(waiting, keys)

    def _is_beyond_doubt(self, waiting: Subquery, keys: Range) -> bool:
        """Tell whether each key is spelled as its column prints it, and no two are of one row of the target.

        Of two spellings of one key, and of two applicants of one row, neither is to be written.
        """
        counts: list[ColumnElement[int]] = []
        for part in self._key:
            value = self._value(waiting, part)
            if value is not waiting.c[part]:
                counts.append(func.count(value))
        if "integration_id" not in self._key and not keys.is_of_one_integration:
            counts.append(func.count(distinct(waiting.c.applicant_id)))
        if not counts:
            return True
        rows, *others = self._execute(select(func.count(), *counts).select_from(waiting)).one()
        return all(other == rows for other in others)

    def _in_one_statement(self, waiting: Subquery) -> int:
        """Believe what PostgreSQL returns of each changed row, and note that in the statement that changed it.

        One statement sees one state of the ledger: what is delivered meanwhile is not noted with the rest.
        """
        places = waiting.c.place.label("place")
        stands = self._stands(waiting).label("stands")
        changed = self._update(waiting).returning(places, stands).cte("changed")
        noted = unwritten.note(self._conn, select(changed.c.place).where(changed.c.stands))
        return self._rows_changed(noted)

    def _in_two_statements(self, waiting: Subquery, keys: Range) -> int:
        """Note all where SQLite changed as many rows as there are; else those whose ids stand in their row now.

        Nobody else writes between the two statements: SQLite has one writer at a time. To look at each row once more
        costs as much as to write it.
        """
        changed = self._rows_changed(self._update(waiting))
        if not changed:
            return 0
        with self._conn.begin_nested() as attempt:
            if self._rows_changed(unwritten.note_all(self._conn, keys)) == changed:
                return changed
            attempt.rollback()
        written = select(waiting.c.place).where(*self._same_key(waiting), self._stands(waiting))
        return self._rows_changed(unwritten.note(self._conn, written))

    def _update(self, waiting: Subquery) -> Update:
        table = self._table
        values = {name: func.coalesce(waiting.c[name], table.c[name]) for name in ID_COLUMNS}
        values[DELIVERED_AT] = func.coalesce(self._instant(waiting), table.c[DELIVERED_AT])
        nobody_else = [self._is_free_or_ours(waiting, name) for name in _NAMES_THE_ROW]
        return update(table).where(*self._same_key(waiting), *nobody_else).values(values)

    def _same_key(self, waiting: Subquery) -> list[ColumnElement[bool]]:
        return [self._table.c[column] == self._value(waiting, part) for part, column in self._key.items()]

    def _value(self, waiting: Subquery, part: str) -> ColumnElement[Any]:
        """Return a part of the key as a value of its column, NULL where the column would print it in another way."""
        return self._casts[part](waiting.c[part])

    def _is_free_or_ours(self, waiting: Subquery, name: str) -> ColumnElement[bool]:
        there = cast(self._table.c[name], Text)
        return or_(there.is_(None), there == "", there == waiting.c[name])

    def _instant(self, waiting: Subquery) -> ColumnElement[Any]:
        kind = self._table.c[DELIVERED_AT].type
        is_naive = isinstance(kind, DateTime) and not kind.timezone
        if is_naive and self._conn.dialect.name == "postgresql":
            return func.timezone("UTC", waiting.c.delivered_at)
        return waiting.c.delivered_at

    def _stands(self, waiting: Subquery) -> ColumnElement[bool]:
        """Say of a row of the target that the ids, and an instant, of its delivery stand in it."""
        table = self._table
        dated = or_(waiting.c.delivered_at.is_(None), table.c[DELIVERED_AT].is_not(None))
        ids = [or_(waiting.c[name].is_(None), cast(table.c[name], Text) == waiting.c[name]) for name in ID_COLUMNS]
        return and_(dated, *ids)

    def _rows_changed(self, statement: Update) -> int:
        rows: int = self._execute(statement).rowcount
        return rows

    def _execute(self, statement: Any) -> Any:
        return self._conn.execute(statement, execution_options=self._options)
