"""Deliveries that wait for their write-back, as SQL that joins them with the user's own table."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Subquery, Update, literal_column, select, tuple_, update

from kombo_provider.ledger._by_key import Pair, at_places, place
from kombo_provider.ledger._tables import IS_TO_WRITE_BACK, deliveries
from kombo_provider.ledger.kombo_ids import ID_COLUMNS
from kombo_provider.ledger.ledger import now

_key = tuple_(deliveries.c.integration_id, deliveries.c.applicant_id)


class Range(NamedTuple):
    """The keys of a source from `first` to `last`, both included."""

    source: str
    first: Pair
    last: Pair

    @property
    def is_of_one_integration(self) -> bool:
        """Tell whether all keys of the range have the same integration id."""
        return self.first[0] == self.last[0]


def next_range(conn: Connection, source: str, after: Pair | None, size: int) -> Range | None:
    """Return the range in which the next `size` deliveries lie that wait, None where none does."""
    conditions: list[ColumnElement[bool]] = [deliveries.c.source == source, IS_TO_WRITE_BACK]
    if after is not None:
        conditions.append(_key > tuple_(*after))
    columns = deliveries.c.integration_id, deliveries.c.applicant_id
    waiting = select(*columns).where(*conditions)
    in_order = waiting.order_by(*columns)
    first = conn.execute(in_order.limit(1)).first()
    if first is None:
        return None
    last = conn.execute(in_order.offset(size - 1).limit(1)).first()
    if last is None:
        last = conn.execute(waiting.order_by(*(column.desc() for column in columns)).limit(1)).one()
    return Range(source, (first[0], first[1]), (last[0], last[1]))


def rows(dialect: str, keys: Range) -> Subquery:
    """Return the deliveries of a range that wait and that no run missed before.

    Its columns are `place` (see `note`), `integration_id`, `applicant_id`, the ids, and `delivered_at`.
    """
    columns = [deliveries.c[name] for name in ID_COLUMNS]
    query = select(
        literal_column(place(dialect)).label("place"),
        deliveries.c.integration_id,
        deliveries.c.applicant_id,
        *columns,
        deliveries.c.finished_at.label("delivered_at"),
    )
    return query.where(*_are_in(keys)).subquery("waiting")


def note_all(conn: Connection, keys: Range) -> Update:
    """Return the statement that remembers of all those deliveries that the target has their ids."""
    return update(deliveries).where(*_are_in(keys)).values(written_back_at=now(conn))


def note(conn: Connection, places: Select[tuple[object]]) -> Update:
    """Return the statement that remembers of the deliveries at these places that the target has their ids."""
    chosen = at_places(conn.dialect.name, places)
    return update(deliveries).where(chosen).values(written_back_at=now(conn))


def _are_in(keys: Range) -> list[ColumnElement[bool]]:
    return [
        deliveries.c.source == keys.source,
        IS_TO_WRITE_BACK,
        _key >= tuple_(*keys.first),
        _key <= tuple_(*keys.last),
        # What was missed once is looked at row by row: it would only slow the others down again and again.
        deliveries.c.missed_by.is_(None),
    ]
