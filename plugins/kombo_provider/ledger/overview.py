"""What a page shows of a source's lanes: numbers and codes, never a payload, a message or an applicant."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    case,
    func,
    literal_column,
    select,
)

from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger._tables import EVERYWHERE, IS_READY, IS_UNSETTLED, deliveries, lanes
from kombo_provider.ledger.estimate import USUAL_CAP
from kombo_provider.ledger.lane_states import is_snoozed
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import LaneState, Status


class LaneNumbers(NamedTuple):
    """One lane of a source. `hours_left` is an estimate from the last run's median answer; None without one."""

    integration_id: str
    state: str
    code: str | None
    log_url: str | None
    since: datetime | None
    paused_until: datetime | None
    snoozed: bool
    snoozed_until: datetime | None
    snoozed_by: str | None
    snooze_reason: str | None
    waiting: int
    held: int
    oldest_waiting: datetime | None
    hours_left: float | None
    in_doubt: int
    on_the_wire: int
    oldest_doubt: datetime | None
    lease_holder: str | None


class Stop(NamedTuple):
    """Something that holds every lane of a connection, or of the ledger."""

    everywhere: bool
    state: str
    code: str | None
    log_url: str | None
    since: datetime | None
    until: datetime | None


def integrations_of(conn: Connection, source: str) -> list[str]:
    """Return the integrations of which the ledger holds rows of the source: one seek each, however many rows there are.

    A plain DISTINCT would read them all.
    """
    return list(conn.scalars(seek_integrations(source)))


def seek_integrations(source: str) -> Select[tuple[str]]:
    """Return the query of the integrations of a source, which jumps from one to the next."""
    later = deliveries.alias("later")
    first = select(func.min(deliveries.c.integration_id).label("integration_id")).where(deliveries.c.source == source)
    found = first.cte("integrations", recursive=True)
    following = (
        select(func.min(later.c.integration_id))
        .where(later.c.source == source, later.c.integration_id > found.c.integration_id)
        .scalar_subquery()
    )
    # After the last one the minimum is NULL, and so ends the recursion.
    found = found.union_all(select(following).where(found.c.integration_id.is_not(None)))
    return select(found.c.integration_id).where(found.c.integration_id.is_not(None))


def sources_on(conn: Connection, integration_id: str, sources: Collection[str]) -> set[str]:
    """Return those of the sources that have rows on an integration."""
    # One seek for each: a DISTINCT over the integration would read all rows of all sources.
    return {name for name in sources if conn.scalar(select(_has_rows(name, integration_id)))}


def ran_for(conn: Connection, dag_id: str, sources: Collection[str], kombo_conn_id: str) -> bool:
    """Tell whether the ledger knows a run of a DAG for one of the sources under a connection."""
    any_run: Select[Any] = select(literal_column("1")).select_from(runs)
    ran = any_run.where(runs.c.source.in_(sources), runs.c.dag_id == dag_id, runs.c.kombo_conn_id == kombo_conn_id)
    return bool(conn.scalar(select(ran.exists())))


def _has_rows(source: str, integration_id: str) -> ColumnElement[bool]:
    # Not "SELECT *", which would need the right on every column.
    any_row: Select[Any] = select(literal_column("1")).select_from(deliveries)
    return any_row.where(deliveries.c.source == source, deliveries.c.integration_id == integration_id).exists()


def lane_numbers(
    conn: Connection, source: str, kombo_conn_id: str, integration_id: str | None = None
) -> list[LaneNumbers]:
    """Return the source's lanes, by integration, or the one that is asked for if the source has rows on it."""
    if integration_id is None:
        names = integrations_of(conn, source)
    elif sources_on(conn, integration_id, [source]):
        names = [integration_id]
    else:
        names = []
    # One query for each kind of number, whatever the number of lanes: the page shows a thousand within a second.
    waiting = _waiting(conn, source, kombo_conn_id, integration_id)
    held = _held(conn, source)
    doubts = _doubts(conn, source, kombo_conn_id)
    at = now(conn)
    snoozed = is_snoozed(at).label("snoozed")
    query = select(lanes, snoozed).where(lanes.c.kombo_conn_id == kombo_conn_id)
    known = {row.integration_id: row for row in conn.execute(query)}
    return [_numbers(name, known.get(name), waiting, held, doubts, at) for name in names]


def _numbers(
    name: str,
    lane: object,
    waiting: dict[str, tuple[int, datetime | None, int | None]],
    held: dict[str, int],
    doubts: dict[tuple[str, str], tuple[int, datetime | None]],
    at: datetime,
) -> LaneNumbers:
    rows, oldest, median_ms = waiting.get(name, (0, None, None))
    in_doubt, oldest_doubt = doubts.get((name, Status.IN_DOUBT), (0, None))
    on_the_wire, _ = doubts.get((name, Status.SENDING), (0, None))
    left = rows - held.get(name, 0)
    # Nothing was sent on it yet where the ledger has no row of the lane.
    return LaneNumbers(
        integration_id=name,
        state=getattr(lane, "state", LaneState.OPEN),
        code=getattr(lane, "code", None),
        log_url=getattr(lane, "log_url", None),
        since=getattr(lane, "since", None),
        paused_until=getattr(lane, "paused_until", None),
        snoozed=bool(getattr(lane, "snoozed", False)),
        snoozed_until=getattr(lane, "snoozed_until", None),
        snoozed_by=getattr(lane, "snoozed_by", None),
        snooze_reason=getattr(lane, "snooze_reason", None),
        waiting=left,
        held=held.get(name, 0),
        oldest_waiting=oldest,
        hours_left=_hours_left(left, median_ms, getattr(lane, "cap_seen", None) or USUAL_CAP),
        in_doubt=in_doubt,
        on_the_wire=on_the_wire,
        oldest_doubt=oldest_doubt,
        lease_holder=_holder(lane, at),
    )


def _hours_left(rows: int, median_ms: int | None, cap: int) -> float | None:
    if median_ms is None:
        return None
    return rows * median_ms / 3_600_000 / cap


def _holder(lane: object, at: datetime) -> str | None:
    """Return who may send on the lane; the row still names one whose lease has ended."""
    expires: datetime | None = getattr(lane, "lease_expires_at", None)
    if expires is None or expires <= at:
        return None
    holder: str | None = getattr(lane, "lease_holder", None)
    return holder


def _waiting(
    conn: Connection, source: str, kombo_conn_id: str, integration_id: str | None
) -> dict[str, tuple[int, datetime | None, int | None]]:
    """Count what waits, since when, and find each lane's median answer in the last run that had one."""
    last_median = (
        select(runs.c.p50_ms)
        .where(
            runs.c.source == source,
            runs.c.integration_id == deliveries.c.integration_id,
            runs.c.p50_ms.is_not(None),
        )
        .order_by(runs.c.began_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(deliveries.c.integration_id, func.count(), func.min(deliveries.c.staged_at), last_median)
        .where(IS_READY, deliveries.c.kombo_conn_id == kombo_conn_id, deliveries.c.source == source)
        .group_by(deliveries.c.integration_id)
    )
    if integration_id is not None:
        query = query.where(deliveries.c.integration_id == integration_id)
    return {row[0]: (row[1], row[2], row[3]) for row in conn.execute(query)}


def _held(conn: Connection, source: str) -> dict[str, int]:
    query = (
        select(deliveries.c.integration_id, func.count())
        .where(deliveries.c.source == source, deliveries.c.hold.is_not(None), IS_READY)
        .group_by(deliveries.c.integration_id)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def _doubts(conn: Connection, source: str, kombo_conn_id: str) -> dict[tuple[str, str], tuple[int, datetime | None]]:
    """Count what is unsettled: of the whole connection, for a condition on the source would have it all read.

    There are never many: what is on the wire, and doubts until they are settled.
    """
    columns = deliveries.c.source, deliveries.c.integration_id, deliveries.c.status
    query = (
        select(*columns, func.count(), func.min(deliveries.c.sent_at))
        .where(deliveries.c.kombo_conn_id == kombo_conn_id, IS_UNSETTLED)
        .group_by(*columns)
    )
    return {(row[1], row[2]): (row[3], row[4]) for row in conn.execute(query) if row[0] == source}


def stops(conn: Connection, kombo_conn_id: str) -> list[Stop]:
    """Return what holds all lanes of the connection now, or everything: a drain, a refused key, a used-up limit."""
    at = now(conn)
    lasting = case((lanes.c.paused_until.is_(None), True), else_=lanes.c.paused_until > at)
    query = select(
        lanes.c.kombo_conn_id,
        lanes.c.state,
        lanes.c.code,
        lanes.c.log_url,
        lanes.c.since,
        lanes.c.paused_until,
    ).where(
        lanes.c.kombo_conn_id.in_([EVERYWHERE, kombo_conn_id]),
        lanes.c.integration_id == EVERYWHERE,
        lanes.c.state != LaneState.OPEN,
        lasting,
    )
    return [Stop(row.kombo_conn_id == EVERYWHERE, *row[1:]) for row in conn.execute(query)]
