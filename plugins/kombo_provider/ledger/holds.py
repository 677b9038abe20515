"""Rows that are `ready` and yet held: no claim takes them until a person, or the end of their staging, lets them go."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, tuple_, update

from kombo_provider.ledger._by_key import Pair, has_key
from kombo_provider.ledger._moves import By, move_where
from kombo_provider.ledger._tables import EMPTIED, IS_READY, KEY, KEY_COLUMNS, deliveries
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.status import Hold, Resolution, Status


class Held(NamedTuple):
    """How many rows of an integration are held for one reason, and since when the first of them waits."""

    integration_id: str
    hold: Hold
    rows: int
    since: datetime


def held(conn: Connection, selection: Selection, integration_ids: Collection[str] = ()) -> list[Held]:
    """Count the held rows of a selection by integration and reason; the ids narrow where given."""
    query = (
        select(deliveries.c.integration_id, deliveries.c.hold, func.count(), func.min(deliveries.c.staged_at))
        .where(*are_held(selection, integration_ids))
        .group_by(deliveries.c.integration_id, deliveries.c.hold)
        .order_by(deliveries.c.integration_id, deliveries.c.hold)
    )
    return [Held(row[0], Hold(row[1]), row[2], row[3]) for row in conn.execute(query)]


def held_keys(conn: Connection, selection: Selection, hold: Hold, limit: int) -> list[Pair]:
    """Return the first held rows of a selection, as (integration id, applicant id), in key order."""
    query = (
        select(deliveries.c.integration_id, deliveries.c.applicant_id)
        .where(*are_held(selection), deliveries.c.hold == hold)
        .order_by(deliveries.c.integration_id, deliveries.c.applicant_id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in conn.execute(query)]


def waiting_keys(
    conn: Connection, selection: Selection, staged_before: datetime, *, after: Pair | None, limit: int
) -> list[Pair]:
    """Return rows that wait and are not held for an id already, as (integration id, applicant id), in key order."""
    key = tuple_(deliveries.c.integration_id, deliveries.c.applicant_id)
    conditions = [
        *selection.conditions(in_key_order=True),
        IS_READY,
        deliveries.c.staged_at < staged_before,
        deliveries.c.hold.is_distinct_from(Hold.HAS_ID),
    ]
    if after is not None:
        conditions.append(key > tuple_(*after))
    query = select(*key.clauses).where(*conditions).order_by(*key.clauses).limit(limit)
    return [(row[0], row[1]) for row in conn.execute(query)]


def put_on_hold(conn: Connection, source: str, keys: Sequence[Pair], hold: Hold) -> int:
    """Hold those of the rows that are `ready`, whatever else they were held for; return how many."""
    if not keys:
        return 0
    statement = update(deliveries).where(has_key(conn, source, keys), IS_READY).values(hold=hold)
    return conn.execute(statement).rowcount


def hold_for(conn: Connection, selection: Selection, hold: Hold, to: Hold, integration_ids: Collection[str]) -> int:
    """Hold the rows of the integrations that are held for one reason for another from now on; return how many."""
    conditions = [*are_held(selection, integration_ids), deliveries.c.hold == hold]
    return conn.execute(update(deliveries).where(*conditions).values(hold=to)).rowcount


def release(
    conn: Connection,
    selection: Selection,
    hold: Hold,
    integration_ids: Collection[str] = (),
    *,
    limit: int | None = None,
) -> int:
    """Let the rows of a selection go that are held for this reason, up to a limit the oldest; return how many.

    The ids narrow where given.
    """
    conditions = [*are_held(selection, integration_ids), deliveries.c.hold == hold]
    if limit is not None:
        oldest = (deliveries.c.priority, deliveries.c.staged_at, deliveries.c.applicant_id)
        conditions.append(KEY.in_(select(*KEY_COLUMNS).where(*conditions).order_by(*oldest).limit(limit)))
    return conn.execute(update(deliveries).where(*conditions).values(hold=None)).rowcount


def cancel(
    conn: Connection, selection: Selection, hold: Hold, integration_ids: Collection[str], by: By, *, limit: int
) -> int:
    """Cancel up to `limit` of the held rows for good, the oldest first; return how many."""
    oldest = (deliveries.c.priority, deliveries.c.staged_at, deliveries.c.applicant_id)
    conditions = [*are_held(selection, integration_ids), deliveries.c.hold == hold]
    chosen = select(*KEY_COLUMNS).where(*conditions).order_by(*oldest).limit(limit)
    at = now(conn)
    values = {"hold": None, "resolution": Resolution.HUMAN, "finished_at": at, **EMPTIED}
    return len(move_where(conn, Status.READY, Status.CANCELLED, [KEY.in_(chosen)], values, by, at))


def are_held(selection: Selection, integration_ids: Collection[str] = ()) -> list[Any]:
    """Return the conditions on `kombo_deliveries` that rows of a selection are held."""
    conditions = [*selection.conditions(in_key_order=True), IS_READY, deliveries.c.hold.is_not(None)]
    if integration_ids:
        conditions.append(deliveries.c.integration_id.in_(sorted(integration_ids)))
    return conditions
