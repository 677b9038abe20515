"""Whether anything may leave on a lane: its state, its limit, and the Kombo environment that it is tied to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Update, and_, bindparam, func, or_, select, text, update

from kombo_provider.ledger._bulk import insert_into
from kombo_provider.ledger._tables import EVERYWHERE, lanes
from kombo_provider.ledger._wishes import Wish, wish_of
from kombo_provider.ledger.ledger import CLOCKS_DIFFER_BY, now
from kombo_provider.ledger.status import LaneState


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """Whether new requests may leave on a lane, the rows for its connection and for everything taken in."""

    state: LaneState
    code: str | None
    log_url: str | None
    since: datetime | None
    paused_until: datetime | None
    pauses: int
    wish: Wish | None = None
    """Who waits for the lane itself."""

    @property
    def pause_seconds(self) -> float:
        """How long the lane's pause lasts in all."""
        if self.paused_until is None or self.since is None:
            return 0.0
        return (self.paused_until - self.since).total_seconds()

    def pause_lasts(self, at: datetime) -> bool:
        """Tell whether the lane is paused at this time; a pause that begins later was written by a wrong clock."""
        if self.state is not LaneState.PAUSED or self.paused_until is None or self.since is None:
            return False
        return self.since <= at + CLOCKS_DIFFER_BY and at < self.paused_until


def statuses(conn: Connection, kombo_conn_id: str, integration_ids: Iterable[str]) -> dict[str, LaneStatus]:
    """Read the lanes' states; one for the whole connection, or for everything, comes before a lane's own."""
    wanted = list(integration_ids)
    named = {"conn": kombo_conn_id, "ids": [*wanted, EVERYWHERE]}
    found = {(row.kombo_conn_id, row.integration_id): row for row in conn.execute(_STATES, named)}
    general = [found.get((EVERYWHERE, EVERYWHERE)), found.get((kombo_conn_id, EVERYWHERE))]
    states: dict[str, LaneStatus] = {}
    for name in wanted:
        own = found.get((kombo_conn_id, name))
        states[name] = _strictest([*general, own])
        if own is not None:
            # Whatever holds the lane, it is this lane that somebody waits for.
            states[name] = replace(states[name], wish=wish_of(own))
    return states


_STATES = select(lanes).where(
    or_(
        and_(lanes.c.kombo_conn_id == bindparam("conn"), lanes.c.integration_id.in_(bindparam("ids", expanding=True))),
        lanes.c.kombo_conn_id == EVERYWHERE,
    )
)


def own_status(conn: Connection, kombo_conn_id: str, integration_id: str) -> LaneStatus:
    """Return the status of just this row of `kombo_lanes`, `open` where there is none."""
    query = select(lanes).where(lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id == integration_id)
    return _strictest([conn.execute(query).first()])


_STRICTNESS = (LaneState.OPEN, LaneState.PAUSED, LaneState.BLOCKED, LaneState.STOPPED, LaneState.DRAINED)


def _strictest(rows: Sequence[Row[Any] | None]) -> LaneStatus:
    states = []
    for row in rows:
        if row is not None:
            state = LaneState(row.state)
            states.append(LaneStatus(state, row.code, row.log_url, row.since, row.paused_until, row.pauses))
    if not states:
        return LaneStatus(LaneState.OPEN, None, None, None, None, 0)
    return max(states, key=_how_strict)


def _how_strict(status: LaneStatus) -> tuple[int, datetime]:
    """Of two pauses the one that ends later counts."""
    return _STRICTNESS.index(status.state), status.paused_until or _EPOCH


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
    """Open, pause, block or drain a lane; `EVERYWHERE` as id means all lanes of the connection, or all there are.

    A lane that a person stopped stays as it is: only a person opens it (`lane_actions.open_lane`).
    """
    # Locked, so that nobody stops it between the look and the change.
    if locked_lane(conn, kombo_conn_id, integration_id).state == LaneState.STOPPED:
        return
    conn.execute(
        lane_update(kombo_conn_id, integration_id).values(
            state=state, code=code, log_url=log_url, since=now(conn), paused_until=paused_until, pauses=pauses
        )
    )


def is_snoozed(at: datetime) -> ColumnElement[bool]:
    """Return the condition that runs pass a lane over: it stands still for the code that a person snoozed."""
    return and_(
        lanes.c.state.in_([LaneState.BLOCKED, LaneState.PAUSED]),
        lanes.c.snoozed_until > at,
        lanes.c.snoozed_code.is_not_distinct_from(lanes.c.code),
    )


def snoozed(conn: Connection, kombo_conn_id: str, integration_ids: Iterable[str]) -> set[str]:
    """Return those of the integrations whose lanes runs pass over now."""
    query = select(lanes.c.integration_id).where(
        lanes.c.kombo_conn_id == kombo_conn_id,
        lanes.c.integration_id.in_(list(integration_ids)),
        is_snoozed(now(conn)),
    )
    return set(conn.scalars(query))


RATE_LIMIT_CODE = "PLATFORM.RATE_LIMIT_EXCEEDED"


def count_stopped(conn: Connection, kombo_conn_id: str) -> int:
    """Return how many lanes of a connection are not open; the connection as a whole counts as one."""
    query = select(func.count()).select_from(lanes)
    return conn.scalar(query.where(lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.state != LaneState.OPEN)) or 0


def pause_for_rate_limit(conn: Connection, kombo_conn_id: str, until: datetime) -> None:
    """Pause all lanes of a connection until Kombo's rate limit is reset; a longer pause, or a stop, stays."""
    status = own_status(conn, kombo_conn_id, EVERYWHERE)
    if status.state not in (LaneState.OPEN, LaneState.PAUSED):
        return
    is_paused_longer = status.paused_until is not None and status.paused_until >= until
    # One that a wrong clock wrote does not last, however late it ends.
    if is_paused_longer and status.pause_lasts(now(conn)):
        return
    set_state(conn, kombo_conn_id, EVERYWHERE, LaneState.PAUSED, code=RATE_LIMIT_CODE, paused_until=until)


def see_cap(conn: Connection, kombo_conn_id: str, integration_id: str, cap: int) -> None:
    """Remember the concurrency limit that Kombo named for an integration."""
    conn.execute(lane_update(kombo_conn_id, integration_id).values(cap_seen=cap))


def cap_seen(conn: Connection, kombo_conn_id: str, integration_id: str) -> int | None:
    """Return the concurrency limit that Kombo named last for an integration, None where it named none yet."""
    query = select(lanes.c.cap_seen).where(
        lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id == integration_id
    )
    return conn.scalar(query)


def bind_environment(conn: Connection, kombo_conn_id: str, integration_id: str, environment_id: str) -> str:
    """Tie the lane to the Kombo environment of the API key, unless it is tied already; return the one it is tied to.

    A key of another environment would send every applicant again, into the wrong ATS.
    """
    lane = locked_lane(conn, kombo_conn_id, integration_id)
    if lane.environment_id is not None:
        return str(lane.environment_id)
    conn.execute(lane_update(kombo_conn_id, integration_id).values(environment_id=environment_id))
    return environment_id


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


def lane_update(kombo_conn_id: str, integration_id: str) -> Update:
    """Return an UPDATE of one row of `kombo_lanes`."""
    return update(lanes).where(lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id == integration_id)


def locked_lane(conn: Connection, kombo_conn_id: str, integration_id: str) -> Row[Any]:
    """Make the lane's row if there is none, lock it for the rest of the transaction and return it."""
    made = insert_into(conn, lanes).values(kombo_conn_id=kombo_conn_id, integration_id=integration_id)
    conn.execute(made.on_conflict_do_nothing())
    # A second statement: an INSERT that finds the row there locks nothing.
    query = (
        select(lanes)
        .where(lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id == integration_id)
        .with_for_update()
    )
    return conn.execute(query).one()
