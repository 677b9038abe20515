"""Leases: which process may send on a lane.

A lease lasts `LEASE_SECONDS` by the database's clock. Its epoch grows with every holder, and every later write of
the holder names the epoch, so that a process that slept through its lease finds out before it claims anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, exists, or_, select, tuple_, union_all, update

from kombo_provider.ledger._moves import By, move_where
from kombo_provider.ledger._tables import IS_BY_PERSON, IS_READY, IS_UNSETTLED, deliveries, lanes
from kombo_provider.ledger._wishes import NO_WISH, Wish, wish_of
from kombo_provider.ledger.lane_states import lane_update, locked_lane
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import Actor, RunRef, Status

LEASE_SECONDS = 60.0
LONGEST_LEASE = timedelta(seconds=2 * LEASE_SECONDS)
LONGEST_CALL = timedelta(hours=1)
"""No connection may let a call take longer (see kombo_provider.client.settings)."""

HOLDER_DIED = "The sending process ended before an answer was recorded"


@dataclass(frozen=True, slots=True)
class Turn:
    """For how many seconds a holder means to send: what remains of its time, and what it has in any case."""

    seconds: float
    at_least: float = 0.0
    clear_number: int = 0
    """How often Airflow's run was cleared: each time its tasks have their turns anew."""


class HeldTurn(NamedTuple):
    """What a lane's holder sends, and for how long."""

    source: str | None
    """The source whose rows it sends without exception; None where it sends only some of them."""
    ends_in_seconds: float
    """Until its turn ends."""
    lease_seconds: float
    """Until its lease ends."""
    wish: Wish | None = None
    """That of who waits for the lane."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to send on one lane until `expires_at` (database time), told apart by its epoch.

    `possibly_executing_since` are the send times of a dead holder's requests: they may still be on the wire. After
    `turn_seconds` the holder begins no request any more, and gives the lane back; None: it has all the time it needs.
    """

    kombo_conn_id: str
    integration_id: str
    epoch: int
    expires_at: datetime
    possibly_executing_since: tuple[datetime, ...] = field(default=())
    turn_seconds: float | None = None


def acquire(
    conn: Connection,
    kombo_conn_id: str,
    integration_id: str,
    holder: str,
    run: RunRef,
    lease_seconds: float = LEASE_SECONDS,
    *,
    serves: str | None = None,
    turn: Turn | None = None,
) -> Lease | None:
    """Take the lane for `lease_seconds`, or return None while another holder's lease lasts, or another's wish stands.

    `serves` is the source whose rows `holder` sends without exception: it is not kept waiting for a wish of that
    source. `turn` says for how long it will send; who asks for the lane meanwhile finds it by `held_turn`.

    A lease that ends later than any lease can was written by a clock that was wrong, and is not believed.

    A former try of the same `holder` is replaced at once. Whatever the former holder left `sending` is in doubt from
    here on: its requests may have been executed.
    """
    lane = locked_lane(conn, kombo_conn_id, integration_id)
    at = now(conn)
    if _lasts(lane.lease_expires_at, at) and lane.lease_holder not in (None, holder):
        return None
    wish = wish_of(lane)
    if wish is not None and wish.is_against(holder, serves, at):
        return None
    # A new epoch even for a former try of the same task: that one may only sleep, and must not claim any more.
    epoch, expires_at = lane.lease_epoch + 1, at + timedelta(seconds=lease_seconds)
    seconds = _seconds_of(turn, lane, holder, at)
    turn_ends_at = None if seconds is None else at + timedelta(seconds=seconds)
    conn.execute(
        lane_update(kombo_conn_id, integration_id).values(
            lease_holder=holder,
            lease_epoch=epoch,
            lease_expires_at=expires_at,
            turn_holder=_turn_holder(holder, turn),
            turn_source=serves,
            turn_ends_at=turn_ends_at,
            **NO_WISH,
        )
    )
    # In the transaction that takes the lane: nobody can claim on it while a dead holder's rows are `sending`.
    put_in_doubt(conn, kombo_conn_id, integration_id, run, at)
    unanswered = _unanswered(conn, kombo_conn_id, integration_id)
    return Lease(kombo_conn_id, integration_id, epoch, expires_at, unanswered, seconds)


def _seconds_of(turn: Turn | None, lane: Row[Any], holder: str, at: datetime) -> float | None:
    """Return how long the holder's turn lasts; one that goes on after a break, or another try, is no longer for it."""
    if turn is None:
        return None
    if lane.turn_holder != _turn_holder(holder, turn):
        return max(turn.seconds, turn.at_least)
    rest = (lane.turn_ends_at - at).total_seconds() if lane.turn_ends_at else 0.0
    return max(turn.seconds, min(rest, turn.at_least))


def _turn_holder(holder: str, turn: Turn | None) -> str:
    return f"{holder}#{turn.clear_number if turn else 0}"


def held_turn(conn: Connection, kombo_conn_id: str, integration_id: str) -> HeldTurn | None:
    """Return whose turn a lane's is, None where its holder told nobody."""
    query = select(lanes).where(lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id == integration_id)
    lane, at = conn.execute(query).one(), now(conn)
    if lane.turn_ends_at is None or not _lasts(lane.lease_expires_at, at):
        return None
    if lane.turn_holder.rpartition("#")[0] != lane.lease_holder:
        return None
    wish = wish_of(lane)
    if wish is not None and not wish.stands(at):
        wish = None
    ends_in = (lane.turn_ends_at - at).total_seconds()
    lease_ends_in = (lane.lease_expires_at - at).total_seconds()
    return HeldTurn(lane.turn_source, ends_in, lease_ends_in, wish)


def _lasts(expires_at: datetime | None, at: datetime) -> bool:
    return expires_at is not None and at < expires_at <= at + LONGEST_LEASE


def renew(conn: Connection, leases: Sequence[Lease], holder: str, lease_seconds: float = LEASE_SECONDS) -> list[Lease]:
    """Extend the leases, locking their lanes for the rest of the transaction; return those that were lost."""
    if not leases:
        return []
    renewed = conn.scalars(
        _RENEW,
        {
            "conn": leases[0].kombo_conn_id,
            "holder": holder,
            "held": [(lease.integration_id, lease.epoch) for lease in leases],
            "until": now(conn) + timedelta(seconds=lease_seconds),
        },
    )
    kept = set(renewed)
    return [lease for lease in leases if lease.integration_id not in kept]


_RENEW = (
    update(lanes)
    .where(
        lanes.c.kombo_conn_id == bindparam("conn"),
        lanes.c.lease_holder == bindparam("holder"),
        tuple_(lanes.c.integration_id, lanes.c.lease_epoch).in_(bindparam("held", expanding=True)),
    )
    .values(lease_expires_at=bindparam("until"))
    .returning(lanes.c.integration_id)
)


def lease_ends(conn: Connection, kombo_conn_id: str, integration_ids: Sequence[str]) -> dict[str, datetime | None]:
    """Return when the lanes' leases end; a living holder moves that on every few seconds."""
    query = select(lanes.c.integration_id, lanes.c.lease_expires_at).where(
        lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id.in_(integration_ids)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def release(conn: Connection, lease: Lease, holder: str) -> bool:
    """Give the lane back; return False, harmlessly, where it was taken over."""
    released = conn.execute(
        lane_update(lease.kombo_conn_id, lease.integration_id)
        .where(lanes.c.lease_epoch == lease.epoch, lanes.c.lease_holder == holder)
        .values(lease_holder=None, lease_expires_at=None)
    )
    return released.rowcount > 0


def sweep(conn: Connection) -> int:
    """Put in doubt what dead holders left `sending`, whether or not anyone will send on their lanes; return how many.

    A lane that somebody has locked just now is left to them.
    """
    at = now(conn)
    on_wire = exists().where(
        deliveries.c.kombo_conn_id == lanes.c.kombo_conn_id,
        deliveries.c.integration_id == lanes.c.integration_id,
        IS_UNSETTLED,
        deliveries.c.status == Status.SENDING,
    )
    abandoned = or_(
        lanes.c.lease_holder.is_(None), lanes.c.lease_expires_at <= at, lanes.c.lease_expires_at > at + LONGEST_LEASE
    )
    query = select(lanes.c.kombo_conn_id, lanes.c.integration_id).where(abandoned, on_wire)
    # The first look takes no lock, and nearly always finds nothing.
    if not conn.execute(query.limit(1)).first():
        return 0
    found = conn.execute(query.with_for_update(of=lanes, skip_locked=True)).all()
    for lane in found:  # a holder that only slept has to find out
        ended = {"lease_holder": None, "lease_expires_at": None, "lease_epoch": lanes.c.lease_epoch + 1}
        conn.execute(lane_update(*lane).values(ended))
    return sum(put_in_doubt(conn, *lane, None, at) for lane in found)


def put_in_doubt(conn: Connection, kombo_conn_id: str, integration_id: str, run: RunRef | None, at: datetime) -> int:
    """Move all `sending` rows of a lane without a living holder to `in_doubt`; return how many."""
    of_lane = [
        deliveries.c.kombo_conn_id == kombo_conn_id,
        deliveries.c.integration_id == integration_id,
        IS_UNSETTLED,
    ]
    values = {"finished_at": at, "http_status": None, "error_code": None, "error_title": HOLDER_DIED}
    by = By(Actor.SWEEP, run, "after its holder")
    return len(move_where(conn, Status.SENDING, Status.IN_DOUBT, of_lane, values, by, at))


def _unanswered(conn: Connection, kombo_conn_id: str, integration_id: str) -> tuple[datetime, ...]:
    """Return when the lane's requests without an answer were sent, whatever has been decided about their rows since.

    A person's word ends a doubt, not the request: it counts against the limit until it has surely timed out.
    """
    at = now(conn)
    of_lane = (
        deliveries.c.kombo_conn_id == kombo_conn_id,
        deliveries.c.integration_id == integration_id,
        deliveries.c.http_status.is_(None),
        deliveries.c.sent_at > at - LONGEST_CALL,
        deliveries.c.sent_at <= at,
    )
    in_doubt = select(deliveries.c.sent_at).where(*of_lane, IS_UNSETTLED, deliveries.c.status == Status.IN_DOUBT)
    by_person = select(deliveries.c.sent_at).where(*of_lane, IS_BY_PERSON)
    to_resend = select(deliveries.c.sent_at).where(*of_lane, IS_READY, deliveries.c.ordered_resend == 1)
    return tuple(row[0] for row in conn.execute(union_all(in_doubt, by_person, to_resend)))
