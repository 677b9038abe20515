"""What the runs of past days left behind, on a source's lanes: the bars of the page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, Text, cast, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import JSON

from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger.status import REFUSED, UNFINISHED, Status

DAYS_SHOWN = 30


class Day(NamedTuple):
    """What runs that ended on a day (UTC) left behind on a lane, or on all where `integration_id` is None."""

    integration_id: str | None
    day: str
    delivered: int
    refused: int
    open: int


def day(conn: Connection, source: str, begins: datetime) -> Day | None:
    """Return what the runs that ended on the day left behind, on all lanes of the source together."""
    within = runs.c.ended_at >= begins, runs.c.ended_at < begins + timedelta(days=1)
    sums = conn.execute(select(*_sums(conn)).where(runs.c.source == source, *within)).one()
    if sums[0] is None:  # no run ended on it; a sum over nothing is NULL
        return None
    return Day(None, f"{begins:%Y-%m-%d}", *_whole(sums))


def days_of_lanes(conn: Connection, source: str, integration_ids: Sequence[str], since: datetime) -> list[Day]:
    """Return the same of each of some lanes, by day, for runs that began since then."""
    lane = runs.c.integration_id
    ended_on = _day_name(conn)
    # By when they began, although they count where they ended: that is the order of the index `kombo_runs_lane`.
    of_lanes = runs.c.source == source, lane.in_(list(integration_ids)), runs.c.began_at >= since
    query = select(lane, ended_on, *_sums(conn)).where(*of_lanes, runs.c.ended_at.is_not(None))
    query = query.group_by(lane, ended_on)
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
    """Return the sums that a Day shows: delivered, refused, open."""
    sums = []
    for statuses in ((Status.DELIVERED,), REFUSED, _OPEN):
        total: ColumnElement[int] = literal_column("0")
        for status in statuses:
            total = total + func.sum(_rows(conn, status))
        sums.append(total)
    return sums


def _whole(sums: Sequence[int | None]) -> tuple[int, int, int]:
    """Return sums as whole numbers: PostgreSQL makes decimals of them."""
    delivered, refused, left = sums
    return int(delivered or 0), int(refused or 0), int(left or 0)


def _day_name(conn: Connection) -> ColumnElement[str]:
    if conn.dialect.name == "sqlite":
        return func.substr(cast(runs.c.ended_at, Text), 1, 10)
    # As text and not as a bound parameter: PostgreSQL would not see that it groups by what it selects.
    return func.to_char(runs.c.ended_at, text("'YYYY-MM-DD'"))


def _rows(conn: Connection, status: str) -> ColumnElement[int]:
    """Read one number out of a run's statuses, which are JSON text."""
    if conn.dialect.name == "sqlite":
        return func.coalesce(func.json_extract(runs.c.statuses, text(f"'$.{status}'")), 0)
    return func.coalesce(cast(cast(runs.c.statuses, JSON)[str(status)].astext, Integer), 0)
