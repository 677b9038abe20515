"""What a watch looks at: lanes, what waits, what is in doubt, and what past runs left. Numbers and codes only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, or_, select

from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger._tables import EVERYWHERE, IS_READY, IS_UNSETTLED, deliveries, lanes, sources
from kombo_provider.ledger.lane_states import is_snoozed


class Lane(NamedTuple):
    """How a lane stands, and since when."""

    state: str
    code: str | None
    since: datetime | None
    paused_until: datetime | None
    snoozed: bool


class Rows(NamedTuple):
    """How many rows, and since when the oldest."""

    rows: int
    since: datetime | None


class Run(NamedTuple):
    """A run of a source; `counts` are those of rows that belong to no integration, and `extracted`."""

    dag_id: str
    run_id: str
    began_at: datetime
    ended_at: datetime | None
    counts: Mapping[str, Any]


class Part(NamedTuple):
    """What a run did for one integration."""

    dag_id: str
    run_id: str
    integration_id: str
    counts: Mapping[str, Any]
    statuses: Mapping[str, int]


def lanes_of(conn: Connection, kombo_conn_id: str, at: datetime) -> dict[str, Lane]:
    """Return the lanes of a connection by integration."""
    query = select(lanes, is_snoozed(at).label("is_snoozed")).where(
        lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id != EVERYWHERE
    )
    return {row.integration_id: _lane(row, snoozed=bool(row.is_snoozed)) for row in conn.execute(query)}


def stops(conn: Connection, kombo_conn_id: str) -> list[Lane]:
    """Return how everything stands, and all lanes of the connection."""
    query = select(lanes).where(
        or_(lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.kombo_conn_id == EVERYWHERE),
        lanes.c.integration_id == EVERYWHERE,
    )
    return [_lane(row, snoozed=False) for row in conn.execute(query)]


def _lane(row: Row[Any], *, snoozed: bool) -> Lane:
    return Lane(row.state, row.code, row.since, row.paused_until, snoozed)


def waiting(conn: Connection, kombo_conn_id: str) -> dict[tuple[str, str], Rows]:
    """Count by source and integration what waits to be sent; what is held waits for a person instead."""
    by = deliveries.c.source, deliveries.c.integration_id
    query = (
        select(*by, func.count(), func.min(deliveries.c.staged_at))
        .where(IS_READY, deliveries.c.kombo_conn_id == kombo_conn_id, deliveries.c.hold.is_(None))
        .group_by(*by)
    )
    return {(row[0], row[1]): Rows(row[2], row[3]) for row in conn.execute(query)}


def doubts(conn: Connection, kombo_conn_id: str, before: datetime) -> dict[tuple[str, str], Rows]:
    """Count by source and integration the requests sent up to then that nothing has settled."""
    by = deliveries.c.source, deliveries.c.integration_id
    query = (
        select(*by, func.count(), func.min(deliveries.c.sent_at))
        .where(deliveries.c.kombo_conn_id == kombo_conn_id, IS_UNSETTLED, deliveries.c.sent_at <= before)
        .group_by(*by)
    )
    return {(row[0], row[1]): Rows(row[2], row[3]) for row in conn.execute(query)}


def sources_of(conn: Connection) -> list[str]:
    """Return the sources that were ever staged."""
    return list(conn.scalars(select(sources.c.source).order_by(sources.c.source)))


def runs_of(conn: Connection, source: str, kombo_conn_id: str, since: datetime) -> list[Run]:
    """Return the runs of a source that began since then, oldest first."""
    query = (
        select(runs.c.dag_id, runs.c.run_id, runs.c.began_at, runs.c.ended_at, runs.c.counts)
        .where(runs.c.source == source, runs.c.integration_id == EVERYWHERE, runs.c.began_at >= since)
        .where(runs.c.kombo_conn_id == kombo_conn_id)
        .order_by(runs.c.began_at)
    )
    return [Run(*row[:4], _parsed(row[4])) for row in conn.execute(query)]


def last_began(conn: Connection, source: str, kombo_conn_id: str) -> datetime | None:
    """Return when the newest known run of a source began."""
    query = select(func.max(runs.c.began_at)).where(runs.c.source == source, runs.c.integration_id == EVERYWHERE)
    newest: datetime | None = conn.scalar(query.where(runs.c.kombo_conn_id == kombo_conn_id))
    return newest


def parts_of(conn: Connection, source: str, some: Sequence[Run]) -> list[Part]:
    """Return what some runs of a source did for each integration that had anything in them."""
    found = []
    for run in some:
        query = select(runs.c.integration_id, runs.c.counts, runs.c.statuses).where(
            runs.c.source == source,
            runs.c.dag_id == run.dag_id,
            runs.c.run_id == run.run_id,
            runs.c.integration_id != EVERYWHERE,
        )
        found += [Part(run.dag_id, run.run_id, row[0], _parsed(row[1]), _parsed(row[2])) for row in conn.execute(query)]
    return found


def _parsed(value: str | None) -> Mapping[str, Any]:
    found = json.loads(value or "{}")
    return found if isinstance(found, dict) else {}
