"""What a page shows of a source's lanes: numbers and codes, never a payload, a message or an applicant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    case,
    cast,
    func,
    literal_column,
    select,
    text,
)

from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger._tables import EVERYWHERE, IS_READY, IS_UNSETTLED, deliveries, lanes
from kombo_provider.ledger.estimate import USUAL_CAP
from kombo_provider.ledger.lane_states import is_snoozed
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import REFUSED, UNFINISHED, LaneState, Status

DAYS_SHOWN = 30


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


class Day(NamedTuple):
    """What runs that ended on a day (UTC) left behind on a lane, or on all where `integration_id` is None."""

    integration_id: str | None
    day: str
    delivered: int
    refused: int
    open: int


def integrations_of(conn: Connection, source: str) -> list[str]:
    """Return the integrations of which the ledger holds rows of the source: one seek each, however many rows there are.

    A plain DISTINCT would read them all.
    """
    return list(conn.scalars(seek_integrations(source)))


def seek_integrations(source: str) -> Select[tuple[str]]:
    """Return the query of the integrations of a source, which jumps from one to the next."""
    table = deliveries.alias("later")
    first = select(func.min(deliveries.c.integration_id).label("integration_id")).where(deliveries.c.source == source)
    found = first.cte("integrations", recursive=True)
    following = (
        select(func.min(table.c.integration_id))
        .where(table.c.source == source, table.c.integration_id > found.c.integration_id)
        .scalar_subquery()
    )
    found = found.union_all(select(following).where(found.c.integration_id.is_not(None)))
    return select(found.c.integration_id).where(found.c.integration_id.is_not(None))


def sources_on(conn: Connection, integration_id: str, sources: Collection[str]) -> set[str]:
    """Return those of the sources that have rows on an integration."""
    return {name for name in sources if conn.scalar(select(_has_rows(name, integration_id)))}


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
    else:
        names = [integration_id] if sources_on(conn, integration_id, [source]) else []
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
    expires = getattr(lane, "lease_expires_at", None)
    cap = getattr(lane, "cap_seen", None) or USUAL_CAP
    left = rows - held.get(name, 0)
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
        hours_left=None if median_ms is None else left * median_ms / 3_600_000 / cap,
        in_doubt=in_doubt,
        on_the_wire=on_the_wire,
        oldest_doubt=oldest_doubt,
        lease_holder=lane.lease_holder if lane is not None and expires and expires > at else None,  # type: ignore[attr-defined]
    )


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
    """Count what is unsettled: of the whole connection, for a condition on the source would have it all read."""
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


def day(conn: Connection, source: str, begins: datetime) -> Day | None:
    """Return what the runs that ended on the day left behind, on all lanes of the source together."""
    within = runs.c.ended_at >= begins, runs.c.ended_at < begins + timedelta(days=1)
    sums = conn.execute(select(*_sums(conn)).where(runs.c.source == source, *within)).one()
    return None if sums[0] is None else Day(None, f"{begins:%Y-%m-%d}", *_whole(sums))


def days_of_lanes(conn: Connection, source: str, integration_ids: Sequence[str], since: datetime) -> list[Day]:
    """Return the same of each of some lanes, by day, for runs that began since then."""
    lane, name = runs.c.integration_id, _day_name(conn)
    of_lanes = runs.c.source == source, lane.in_(list(integration_ids)), runs.c.began_at >= since
    query = select(lane, name, *_sums(conn)).where(*of_lanes, runs.c.ended_at.is_not(None)).group_by(lane, name)
    return [Day(row[0], row[1], *_whole(row[2:])) for row in conn.execute(query)]


def first_day_shown(at: datetime) -> datetime:
    """Return when the 30 days begin that end with the day of an instant (UTC)."""
    return today(at) - timedelta(days=DAYS_SHOWN - 1)


def today(at: datetime) -> datetime:
    """Return when the day of an instant begins (UTC)."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


_OPEN = (*UNFINISHED, "held", "left", "snoozed")
"""Standings of a row that a run left open, as `kombo_runs` has them."""


def _sums(conn: Connection) -> list[ColumnElement[int]]:
    kinds = [(Status.DELIVERED,), REFUSED, _OPEN]
    return [sum((func.sum(_status(conn, name)) for name in names), start=literal_column("0")) for names in kinds]


def _whole(sums: Sequence[int | None]) -> tuple[int, int, int]:
    delivered, refused, left = (int(value or 0) for value in sums)
    return delivered, refused, left


def _day_name(conn: Connection) -> ColumnElement[str]:
    if conn.dialect.name == "sqlite":
        return func.substr(cast(runs.c.ended_at, Text), 1, 10)
    return func.to_char(runs.c.ended_at, text("'YYYY-MM-DD'"))


def _status(conn: Connection, status: str) -> ColumnElement[int]:
    """Read one number out of a run's statuses, which are JSON text."""
    if conn.dialect.name == "sqlite":
        return func.coalesce(func.json_extract(runs.c.statuses, text(f"'$.{status}'")), 0)
    from sqlalchemy.dialects.postgresql import JSON

    return func.coalesce(cast(cast(runs.c.statuses, JSON)[str(status)].astext, Integer), 0)
