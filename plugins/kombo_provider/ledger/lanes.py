"""Lanes: which process may send for an integration, and whether anything may leave at all.

A lease lasts `LEASE_SECONDS` by the database's clock. Its epoch grows with every holder, and every later write of
the holder names the epoch, so that a process that slept through its lease finds out before it claims anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Update, and_, exists, func, or_, select, text, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from kombo_provider.errors import ConfigurationError
from kombo_provider.ledger import _events
from kombo_provider.ledger._tables import EVERYWHERE, IS_UNSETTLED, deliveries, lanes
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import DeliveryKey, LaneState, RunRef, Status

LEASE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to send on one lane until `expires_at` (database time), told apart by its epoch.

    `possibly_executing_since` are the send times of a dead holder's requests: they may still be on the wire.
    """

    kombo_conn_id: str
    integration_id: str
    epoch: int
    expires_at: datetime
    possibly_executing_since: tuple[datetime, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """Whether new requests may leave on a lane, the rows for its connection and for everything taken in."""

    state: LaneState
    code: str | None
    log_url: str | None
    since: datetime | None
    paused_until: datetime | None
    pauses: int

    @property
    def pause_seconds(self) -> float:
        """How long the lane's pause lasts in all."""
        return (self.paused_until - self.since).total_seconds() if self.paused_until and self.since else 0.0


def acquire(conn: Connection, kombo_conn_id: str, integration_id: str, holder: str, run: RunRef) -> Lease | None:
    """Take the lane, or return None while another holder's lease lasts.

    A former try of the same `holder` is replaced at once. Whatever the former holder left `sending` is in doubt from
    here on: its requests may have been executed.
    """
    lane = _locked_lane(conn, kombo_conn_id, integration_id)
    at = now(conn)
    held = lane.lease_holder is not None and lane.lease_expires_at is not None and lane.lease_expires_at > at
    if held and lane.lease_holder != holder:
        return None
    epoch, expires_at = lane.lease_epoch + 1, at + timedelta(seconds=LEASE_SECONDS)
    conn.execute(
        _lane_update(kombo_conn_id, integration_id).values(
            lease_holder=holder, lease_epoch=epoch, lease_expires_at=expires_at
        )
    )
    put_in_doubt(conn, kombo_conn_id, integration_id, run, at)
    return Lease(kombo_conn_id, integration_id, epoch, expires_at, _unanswered(conn, kombo_conn_id, integration_id))


def renew(conn: Connection, leases: Sequence[Lease], holder: str) -> list[Lease]:
    """Extend the leases, locking their lanes for the rest of the transaction; return those that were lost."""
    if not leases:
        return []
    held = and_(
        lanes.c.kombo_conn_id == leases[0].kombo_conn_id,
        lanes.c.lease_holder == holder,
        tuple_(lanes.c.integration_id, lanes.c.lease_epoch).in_([(x.integration_id, x.epoch) for x in leases]),
    )
    expires_at = now(conn) + timedelta(seconds=LEASE_SECONDS)
    statement = update(lanes).where(held).values(lease_expires_at=expires_at).returning(lanes.c.integration_id)
    renewed = set(conn.scalars(statement))
    return [lease for lease in leases if lease.integration_id not in renewed]


def lease_ends(conn: Connection, kombo_conn_id: str, integration_ids: Sequence[str]) -> dict[str, datetime | None]:
    """Return when the lanes' leases end; a living holder moves that on every few seconds."""
    query = select(lanes.c.integration_id, lanes.c.lease_expires_at).where(
        lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id.in_(integration_ids)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def release(conn: Connection, lease: Lease, holder: str) -> bool:
    """Give the lane back; return False, harmlessly, where it was taken over."""
    released = conn.execute(
        _lane_update(lease.kombo_conn_id, lease.integration_id)
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
    abandoned = or_(lanes.c.lease_holder.is_(None), lanes.c.lease_expires_at <= at)
    query = select(lanes.c.kombo_conn_id, lanes.c.integration_id).where(abandoned, on_wire)
    if not conn.execute(query.limit(1)).first():
        return 0
    found = conn.execute(query.with_for_update(of=lanes, skip_locked=True)).all()
    for lane in found:  # a holder that only slept has to find out
        ended = {"lease_holder": None, "lease_expires_at": None, "lease_epoch": lanes.c.lease_epoch + 1}
        conn.execute(_lane_update(*lane).values(ended))
    return sum(put_in_doubt(conn, *lane, None, at) for lane in found)


def put_in_doubt(conn: Connection, kombo_conn_id: str, integration_id: str, run: RunRef | None, at: datetime) -> int:
    """Move all `sending` rows of a lane without a living holder to `in_doubt`; return how many."""
    of_lane = and_(
        deliveries.c.kombo_conn_id == kombo_conn_id,
        deliveries.c.integration_id == integration_id,
        IS_UNSETTLED,
        deliveries.c.status == Status.SENDING,
    )
    statement = (
        update(deliveries)
        .where(of_lane)
        .values(status=Status.IN_DOUBT, finished_at=at, http_status=None, error_code=None, error_title=HOLDER_DIED)
        .returning(deliveries.c.source, deliveries.c.applicant_id)
    )
    keys = [DeliveryKey(source, integration_id, applicant_id) for source, applicant_id in conn.execute(statement)]
    _events.append(
        conn,
        [_events.event(key, Status.SENDING, Status.IN_DOUBT, at, run, actor="after its holder") for key in keys],
    )
    return len(keys)


HOLDER_DIED = "The sending process ended before an answer was recorded"


def _unanswered(conn: Connection, kombo_conn_id: str, integration_id: str) -> tuple[datetime, ...]:
    query = select(deliveries.c.sent_at).where(
        deliveries.c.kombo_conn_id == kombo_conn_id,
        deliveries.c.integration_id == integration_id,
        IS_UNSETTLED,
        deliveries.c.status == Status.IN_DOUBT,
        deliveries.c.http_status.is_(None),
        deliveries.c.sent_at.is_not(None),
        deliveries.c.sent_at > now(conn) - timedelta(hours=1),
    )
    return tuple(conn.scalars(query))


def statuses(conn: Connection, kombo_conn_id: str, integration_ids: Iterable[str]) -> dict[str, LaneStatus]:
    """Read the lanes' states; one for the whole connection, or for everything, comes before a lane's own."""
    wanted = list(integration_ids)
    query = select(lanes).where(
        or_(
            and_(lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id.in_([*wanted, EVERYWHERE])),
            lanes.c.kombo_conn_id == EVERYWHERE,
        )
    )
    found = {(row.kombo_conn_id, row.integration_id): row for row in conn.execute(query)}
    general = [found.get((EVERYWHERE, EVERYWHERE)), found.get((kombo_conn_id, EVERYWHERE))]
    return {name: _strictest([*general, found.get((kombo_conn_id, name))]) for name in wanted}


_STRICTNESS = (LaneState.OPEN, LaneState.PAUSED, LaneState.BLOCKED, LaneState.DRAINED)


def _strictest(rows: Sequence[Row[Any] | None]) -> LaneStatus:
    states = [
        LaneStatus(LaneState(row.state), row.code, row.log_url, row.since, row.paused_until, row.pauses)
        for row in rows
        if row is not None
    ]
    default = LaneStatus(LaneState.OPEN, None, None, None, None, 0)
    return max(
        states or [default],
        key=lambda status: (_STRICTNESS.index(status.state), status.paused_until or _EPOCH),
    )


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def set_state(
    conn: Connection,
    kombo_conn_id: str,
    integration_id: str,
    state: LaneState,
    *,
    code: str | None = None,
    log_url: str | None = None,
    paused_until: datetime | None = None,
    pauses: int = 0,
) -> None:
    """Open, pause, block or drain a lane; `EVERYWHERE` as id means all lanes of the connection, or all there are."""
    _locked_lane(conn, kombo_conn_id, integration_id)
    conn.execute(
        _lane_update(kombo_conn_id, integration_id).values(
            state=state, code=code, log_url=log_url, since=now(conn), paused_until=paused_until, pauses=pauses
        )
    )


def see_cap(conn: Connection, kombo_conn_id: str, integration_id: str, cap: int) -> None:
    """Remember the concurrency limit that Kombo named for an integration."""
    conn.execute(_lane_update(kombo_conn_id, integration_id).values(cap_seen=cap))


def cap_seen(conn: Connection, kombo_conn_id: str, integration_id: str) -> int | None:
    """Return the concurrency limit that Kombo named last for an integration, None where it named none yet."""
    query = select(lanes.c.cap_seen).where(
        lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id == integration_id
    )
    return conn.scalar(query)


def bind_environment(conn: Connection, kombo_conn_id: str, integration_id: str, environment_id: str) -> None:
    """Tie the lane to the Kombo environment of the API key.

    Raises ConfigurationError where it was tied to another one: a key of the wrong environment would send every
    applicant again, into the wrong ATS.
    """
    lane = _locked_lane(conn, kombo_conn_id, integration_id)
    if lane.environment_id is None:
        conn.execute(_lane_update(kombo_conn_id, integration_id).values(environment_id=environment_id))
    elif lane.environment_id != environment_id:
        raise ConfigurationError(
            f"The API key of connection {kombo_conn_id} belongs to Kombo environment {environment_id}, but integration "
            f"{integration_id} was served from environment {lane.environment_id}. Put the former key back, or use a "
            "connection id and a source of its own for the other environment."
        )


def _lane_update(kombo_conn_id: str, integration_id: str) -> Update:
    return update(lanes).where(lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id == integration_id)


_DRAIN_LOCK = 0x6B6F6D63  # any constant will do


def drain(conn: Connection) -> None:
    """Stop new requests everywhere: no transaction that claims rows commits after this one without knowing."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("SET LOCAL lock_timeout TO '3s'"))  # who waits here makes every sender wait
        conn.execute(select(func.pg_advisory_xact_lock(_DRAIN_LOCK)))
    set_state(conn, EVERYWHERE, EVERYWHERE, LaneState.DRAINED, code="drain")


def hold_off_drain(conn: Connection) -> None:
    """Keep a drain waiting until the end of this transaction, which is about to read whether rows may leave.

    SQLite has one writer at a time anyway.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock_shared(_DRAIN_LOCK)))


def _locked_lane(conn: Connection, kombo_conn_id: str, integration_id: str) -> Row[Any]:
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    conn.execute(
        insert(lanes).values(kombo_conn_id=kombo_conn_id, integration_id=integration_id).on_conflict_do_nothing()
    )
    query = (
        select(lanes)
        .where(lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id == integration_id)
        .with_for_update()
    )
    return conn.execute(query).one()


def own_status(conn: Connection, kombo_conn_id: str, integration_id: str) -> LaneStatus:
    """Return the status of just this row of `kombo_lanes`, `open` where there is none."""
    query = select(lanes).where(lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id == integration_id)
    return _strictest([conn.execute(query).first()])
