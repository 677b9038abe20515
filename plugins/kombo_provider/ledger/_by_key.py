"""What the ledger already holds of a set of keys, in one query whatever their number."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Function,
    Select,
    TableValuedAlias,
    Text,
    any_,
    bindparam,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from kombo_provider.ledger._decisions import Known
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.status import RESTAGED_WHEN_CHANGED, Status

Pair = tuple[str, str]
"""Integration id and applicant id."""


def lock_and_read(conn: Connection, source: str, keys: Collection[Pair]) -> dict[Pair, Known]:
    """Read the known ones among the keys, and lock those that staging may change against their lane's sender.

    A row that the sender has locked, or that becomes changeable between the two reads, counts as being sent: the next
    extract takes it. So staging never waits for a sender, which would wait for staging in turn.
    """
    if not keys:
        return {}
    columns = [deliveries.c[name] for name in Known._fields]
    found = conn.execute(of_keys(conn, source, keys, *columns)).all()
    changeable = [(row[0], row[1]) for row in found if row[2] in RESTAGED_WHEN_CHANGED]
    locked = lock_rows(conn, source, changeable)
    known: dict[Pair, Known] = {}
    for integration_id, applicant_id, status, *others in found:
        pair = (integration_id, applicant_id)
        if status in RESTAGED_WHEN_CHANGED and pair not in locked:
            status = Status.SENDING
        known[pair] = Known(Status(status), *others)
    return known


def lock_rows(
    conn: Connection, source: str, keys: Collection[Pair], statuses: Sequence[Status] = RESTAGED_WHEN_CHANGED
) -> Collection[Pair]:
    """Lock the rows of these keys that have one of the statuses still; return the keys that were locked.

    Rows that somebody else has locked are passed over. On SQLite the transaction holds the whole file, so all keys are
    returned, whatever their status.
    """
    if not keys or conn.dialect.name != "postgresql":
        return set(keys)
    query = of_keys(conn, source, keys).where(deliveries.c.status.in_(statuses))
    return {(row[0], row[1]) for row in conn.execute(query.with_for_update(skip_locked=True))}


def known_keys(conn: Connection, source: str, keys: Sequence[Pair]) -> set[Pair]:
    """Return those of the keys that the ledger holds."""
    if not keys:
        return set()
    return {(row[0], row[1]) for row in conn.execute(of_keys(conn, source, keys)).all()}


def done_keys(conn: Connection, source: str, keys: Sequence[Pair]) -> set[Pair]:
    """Return those of the keys that staging will not make `ready`: sent, being sent, in doubt, or taken out."""
    if not keys:
        return set()
    query = of_keys(conn, source, keys).where(deliveries.c.status.not_in(RESTAGED_WHEN_CHANGED))
    return {(row[0], row[1]) for row in conn.execute(query)}


def of_keys(conn: Connection, source: str, keys: Collection[Pair], *columns: Any) -> Select[Any]:
    return select(deliveries.c.integration_id, deliveries.c.applicant_id, *columns).where(has_key(conn, source, keys))


def has_key(conn: Connection, source: str, keys: Collection[Sequence[str | None]], *also: str) -> ColumnElement[bool]:
    """Return the condition that a delivery has one of the keys; a key goes on with the values of the columns `also`.

    The rows are addressed by their place in the table, and each place is found by one look into the primary key. Left
    to join keys and deliveries in its own way, PostgreSQL reads the whole source for each chunk while the table is new
    and has no statistics.
    """
    one = deliveries.alias("one")
    columns = (one.c.integration_id, one.c.applicant_id, *(one.c[name] for name in also))
    dialect = conn.dialect.name
    if dialect == "postgresql":
        wanted = _arrays(keys)
        return at_places(dialect, _places(f"one.{place(dialect)}", one, source, columns, list(wanted.c), wanted))
    listed = func.json_each(json.dumps(list(keys), ensure_ascii=False)).table_valued("value")
    values = [func.json_extract(listed.c.value, f"$[{number}]") for number in range(len(columns))]
    return at_places(dialect, _places(f"one.{place(dialect)}", one, source, columns, values, listed))


def _arrays(keys: Collection[Sequence[str | None]]) -> TableValuedAlias:
    lists = [bindparam(None, list(values), type_=ARRAY(Text)) for values in zip(*keys, strict=True)]
    # Not `func.unnest`: the dialects of some warehouses register that name for their own, which takes one array.
    return Function("unnest", *lists).table_valued(*(f"key_{number}" for number in range(len(lists)))).render_derived()


def _places(
    name: str,
    one: FromClause,
    source: str,
    columns: Sequence[ColumnElement[Any]],
    values: Sequence[ColumnElement[Any]],
    wanted: FromClause,
) -> Select[Any]:
    same = [kept.is_not_distinct_from(value) for kept, value in zip(columns[2:], values[2:], strict=True)]
    found: Select[Any] = select(literal_column(name)).where(
        one.c.source == source, columns[0] == values[0], columns[1] == values[1], *same
    )
    return select(found.correlate(wanted).scalar_subquery()).select_from(wanted)


def place(dialect: str) -> str:
    """Return the name of the column that holds a row's place."""
    if dialect == "postgresql":
        return "ctid"
    return "rowid"


def at_places(dialect: str, chosen: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that a row lies at one of the places that the query returns."""
    found: ColumnElement[Any] = column(place(dialect))
    if dialect == "postgresql":
        # An array and no IN: the planner then fetches the places one by one, without a join.
        return found == any_(func.array(chosen.scalar_subquery()))
    return found.in_(chosen)
