"""What a watch looks at: lanes, what waits, what is in doubt, and what past runs left. Numbers and codes only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

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
    found = {}
    for row in conn.execute(query):
        found[row.integration_id] = _lane(row, snoozed=bool(row.is_snoozed))
    return found


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
    not_held = deliveries.c.hold.is_(None)
    return _rows(conn, deliveries.c.staged_at, IS_READY, deliveries.c.kombo_conn_id == kombo_conn_id, not_held)


def doubts(conn: Connection, kombo_conn_id: str, before: datetime) -> dict[tuple[str, str], Rows]:
    """Count by source and integration the requests sent up to then that nothing has settled."""
    sent_at = deliveries.c.sent_at
    return _rows(conn, sent_at, deliveries.c.kombo_conn_id == kombo_conn_id, IS_UNSETTLED, sent_at <= before)


def _rows(
    conn: Connection, since: ColumnElement[datetime], *conditions: ColumnElement[bool]
) -> dict[tuple[str, str], Rows]:
    """Count deliveries by source and integration: one look at a partial index tells of all sources."""
    by = deliveries.c.source, deliveries.c.integration_id
    query = select(*by, func.count(), func.min(since)).where(*conditions).group_by(*by)
    found = {}
    for source, integration_id, rows, oldest in conn.execute(query):
        found[source, integration_id] = Rows(rows, oldest)
    return found


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
    # A query for each: a condition on many pairs of DAG and run would not be answered by the primary key.
    for run in some:
        query = select(runs.c.integration_id, runs.c.counts, runs.c.statuses).where(
            runs.c.source == source,
            runs.c.dag_id == run.dag_id,
            runs.c.run_id == run.run_id,
            runs.c.integration_id != EVERYWHERE,
        )
        for integration_id, counts, statuses in conn.execute(query):
            found.append(Part(run.dag_id, run.run_id, integration_id, _parsed(counts), _parsed(statuses)))
    return found


def _parsed(value: str | None) -> Mapping[str, Any]:
    """Return stored counts; none of a run that has noted none yet."""
    found = json.loads(value or "{}")
    if isinstance(found, dict):
        return found
    return {}
