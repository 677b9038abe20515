"""What the ledger says at the time of a watch; reads, and judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from kombo_provider.ledger import watched
from kombo_provider.ledger.ledger import CLOCKS_DIFFER_BY
from kombo_provider.ledger.watched import Lane, Part, Rows, Run
from kombo_provider.watch.limits import Limits

REMEMBERED: Final = timedelta(days=29)
"""Four weeks of the same hour, and the hour itself."""
WEEKS: Final = 4
A_DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Hour:
    """What the runs of one hour read: rows in all, and new ones by integration."""

    extracted: int
    new: dict[str, int]


@dataclass(frozen=True, slots=True)
class Source:
    """One source's runs, oldest first, what those of the last day did, and its last full hour beside earlier ones.

    `hour` is None where no run of that hour read the source as usual, `earlier` has only hours in which one did.
    """

    runs: Sequence[Run]
    last_day: Sequence[Part]
    hour: Hour | None
    earlier: Sequence[Hour]


@dataclass(frozen=True, slots=True)
class Facts:
    """One look at the ledger; all instants are aware, `at` is when."""

    at: datetime
    lanes: dict[str, Lane]
    stops: Sequence[Lane]
    waiting: dict[tuple[str, str], Rows]
    doubts: dict[tuple[str, str], Rows]
    sources: dict[str, Source] = field(default_factory=dict)

    def waiting_on(self, integration_id: str) -> int:
        """Return how many rows wait on a lane, of whatever source."""
        return sum(rows.rows for (_, name), rows in self.waiting.items() if name == integration_id)

    def dag_of(self, source: str) -> str | None:
        """Return the DAG that last ran for a source."""
        runs = self.sources[source].runs if source in self.sources else ()
        return runs[-1].dag_id if runs else None


def read(conn: Connection, kombo_conn_id: str, limits: Limits, at: datetime) -> Facts:
    """Look at everything that is sent under a connection."""
    return Facts(
        at=at,
        lanes=watched.lanes_of(conn, kombo_conn_id, at),
        stops=watched.stops(conn, kombo_conn_id),
        waiting=watched.waiting(conn, kombo_conn_id),
        doubts=watched.doubts(conn, kombo_conn_id, at - limits.doubts_after),
        sources={source: _source(conn, source, kombo_conn_id, at) for source in watched.sources_of(conn)},
    )


def _source(conn: Connection, source: str, kombo_conn_id: str, at: datetime) -> Source:
    # Back from the last run, not from now: else one that stands still for weeks would be forgotten, and so be over.
    last = watched.last_began(conn, source, kombo_conn_id)
    found = watched.runs_of(conn, source, kombo_conn_id, min(at, last or at) - REMEMBERED)
    runs = [run for run in found if run.began_at <= at + CLOCKS_DIFFER_BY]  # others were written by a wrong clock
    begins = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - HOUR
    hours = [_hour(conn, source, runs, begins - week * 7 * A_DAY) for week in range(WEEKS + 1)]
    reported = [run for run in runs if run.ended_at is not None and run.ended_at >= at - A_DAY]
    return Source(
        runs=runs,
        last_day=watched.parts_of(conn, source, reported),
        hour=hours[0],
        earlier=[hour for hour in hours[1:] if hour is not None],
    )


def _hour(conn: Connection, source: str, runs: Sequence[Run], begins: datetime) -> Hour | None:
    """Sum up the runs that began in an hour and read the source as usual: `stage` notes of those how much they read."""
    comparable = [run for run in runs if begins <= run.began_at < begins + HOUR and "extracted" in run.counts]
    if not comparable:
        return None
    new: dict[str, int] = {}
    for part in watched.parts_of(conn, source, comparable):
        rows = sum(part.counts.get(count, 0) for count in ("new", "restaged", "invalid", "held"))
        new[part.integration_id] = new.get(part.integration_id, 0) + rows
    return Hour(sum(int(run.counts["extracted"]) for run in comparable), new)
