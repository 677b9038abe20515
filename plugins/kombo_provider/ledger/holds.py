"""Rows that are `ready` and yet held: no claim takes them until a person, or the end of their staging, lets them go."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, or_, select, tuple_, update

from kombo_provider.ledger._by_key import Pair, has_key
from kombo_provider.ledger._moves import By, move_where
from kombo_provider.ledger._tables import EMPTIED, IS_READY, KEY, KEY_COLUMNS, deliveries
from kombo_provider.ledger.ledger import CLOCKS_DIFFER_BY, now
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


def held_keys(
    conn: Connection, selection: Selection, hold: Hold, limit: int, *, after: Pair | None = None
) -> list[Pair]:
    """Return the first held rows of a selection, as (integration id, applicant id), in key order."""
    key = tuple_(deliveries.c.integration_id, deliveries.c.applicant_id)
    conditions = [*are_held(selection), deliveries.c.hold == hold]
    if after is not None:
        conditions.append(key > tuple_(*after))
    query = select(*key.clauses).where(*conditions).order_by(*key.clauses).limit(limit)
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


def put_on_hold(conn: Connection, source: str, keys: Sequence[Pair], hold: Hold) -> set[Pair]:
    """Hold those of the rows that are `ready`, whatever else they were held for; return their keys."""
    if not keys:
        return set()
    statement = update(deliveries).where(has_key(conn, source, keys), IS_READY).values(hold=hold)
    held = conn.execute(statement.returning(deliveries.c.integration_id, deliveries.c.applicant_id))
    return {(row[0], row[1]) for row in held}


def await_approval(conn: Connection, source: str, keys: Sequence[Pair]) -> int:
    """Let those rows that are held for an id wait for a person's approval instead; return how many."""
    if not keys:
        return 0
    conditions = has_key(conn, source, keys), IS_READY, deliveries.c.hold == Hold.HAS_ID
    return conn.execute(update(deliveries).where(*conditions).values(hold=Hold.APPROVAL)).rowcount


def release(
    conn: Connection,
    selection: Selection,
    hold: Hold,
    integration_ids: Collection[str] = (),
    *,
    limit: int | None = None,
) -> int:
    """Let the rows of a selection go that are held for this reason, up to a limit those that leave first.

    Returns how many. The ids narrow where given.
    """
    conditions = [*are_held(selection, integration_ids), deliveries.c.hold == hold]
    if limit is not None:
        in_turn = (deliveries.c.priority, deliveries.c.staged_at, deliveries.c.applicant_id)
        conditions.append(KEY.in_(select(*KEY_COLUMNS).where(*conditions).order_by(*in_turn).limit(limit)))
    return conn.execute(update(deliveries).where(*conditions).values(hold=None)).rowcount


class AskedAbout(NamedTuple):
    """How many rows that a person was asked about are held still, and since when the first of them waits."""

    rows: int
    since: datetime


def ask_about(conn: Connection, selection: Selection, integration_id: str) -> datetime:
    """Remember that a person is asked about the rows that are held for approval now; return the time of that."""
    at = now(conn)
    conditions = _await_approval(selection, integration_id)
    # A clock that was ahead wrote it: they would count as staged after the question.
    in_future = deliveries.c.staged_at > at + CLOCKS_DIFFER_BY
    conn.execute(update(deliveries).where(*conditions, in_future).values(staged_at=at))
    # Only those that are new, or changed since: an older question about the others is no less about them.
    unasked = or_(deliveries.c.asked_at.is_(None), deliveries.c.asked_at < deliveries.c.staged_at)
    conn.execute(update(deliveries).where(*conditions, unasked).values(asked_at=at))
    return at


def count_asked(conn: Connection, selection: Selection, integration_id: str) -> int:
    """Count the rows held for approval that a person was ever asked about, as they are now or as they were."""
    conditions = [*_await_approval(selection, integration_id), deliveries.c.asked_at.is_not(None)]
    return conn.scalar(select(func.count()).select_from(deliveries).where(*conditions)) or 0


def asked_about(conn: Connection, selection: Selection, integration_id: str, asked_at: datetime) -> AskedAbout | None:
    """Count the rows that a question of that time is about and that are held still; None where there is none."""
    query = select(func.count(), func.min(deliveries.c.staged_at)).where(
        *_are_asked_about(selection, integration_id, asked_at)
    )
    rows, since = conn.execute(query).one()
    if not rows:
        return None
    return AskedAbout(rows, since)


def release_asked(conn: Connection, selection: Selection, integration_id: str, asked_at: datetime) -> int:
    """Let the rows go that a question of that time is about; return how many."""
    conditions = _are_asked_about(selection, integration_id, asked_at)
    return conn.execute(update(deliveries).where(*conditions).values(hold=None)).rowcount


def cancel_asked(conn: Connection, selection: Selection, integration_id: str, asked_at: datetime, by: By) -> int:
    """Cancel the rows for good that a question of that time is about; return how many."""
    conditions = _are_asked_about(selection, integration_id, asked_at)
    at = now(conn)
    values = {"hold": None, "resolution": Resolution.HUMAN, "finished_at": at, **EMPTIED}
    return len(move_where(conn, Status.READY, Status.CANCELLED, conditions, values, by, at))


def _await_approval(selection: Selection, integration_id: str) -> list[Any]:
    return [*are_held(selection, [integration_id]), deliveries.c.hold == Hold.APPROVAL]


def _are_asked_about(selection: Selection, integration_id: str, asked_at: datetime) -> list[Any]:
    """Return the conditions of rows that nothing has staged anew since somebody was asked about them."""
    was_asked = deliveries.c.asked_at.between(deliveries.c.staged_at, asked_at)
    return [*_await_approval(selection, integration_id), was_asked]


def are_held(selection: Selection, integration_ids: Collection[str] = ()) -> list[Any]:
    """Return the conditions on `kombo_deliveries` that rows of a selection are held."""
    conditions = [*selection.conditions(in_key_order=True), IS_READY, deliveries.c.hold.is_not(None)]
    if integration_ids:
        conditions.append(deliveries.c.integration_id.in_(sorted(integration_ids)))
    return conditions
