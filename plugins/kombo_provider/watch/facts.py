"""What the ledger says at the time of a watch; reads, and judges nothing."""

from __future__ import annotations

from collections import Counter
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
    new: Counter[str]


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
        total = 0
        for (_, lane), rows in self.waiting.items():
            if lane == integration_id:
                total += rows.rows
        return total

    def dag_of(self, source: str) -> str | None:
        """Return the DAG that last ran for a source."""
        known = self.sources.get(source)
        if known is None or not known.runs:
            return None
        return known.runs[-1].dag_id


def read(conn: Connection, kombo_conn_id: str, limits: Limits, at: datetime) -> Facts:
    """Look at everything that is sent under a connection."""
    sources = {}
    for source in watched.sources_of(conn):
        sources[source] = _source(conn, source, kombo_conn_id, at)
    return Facts(
        at=at,
        lanes=watched.lanes_of(conn, kombo_conn_id, at),
        stops=watched.stops(conn, kombo_conn_id),
        waiting=watched.waiting(conn, kombo_conn_id),
        doubts=watched.doubts(conn, kombo_conn_id, at - limits.doubts_after),
        sources=sources,
    )


def _source(conn: Connection, source: str, kombo_conn_id: str, at: datetime) -> Source:
    # Back from the last run, not from now: else one that stands still for weeks would be forgotten, and so be over.
    last = watched.last_began(conn, source, kombo_conn_id)
    found = watched.runs_of(conn, source, kombo_conn_id, min(at, last or at) - REMEMBERED)
    # One from further ahead than clocks differ was written by a wrong clock; it would be the last run for years.
    runs = [run for run in found if run.began_at <= at + CLOCKS_DIFFER_BY]
    reported_today = [run for run in runs if run.ended_at is not None and run.ended_at >= at - A_DAY]
    this_hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    last_full_hour = this_hour - HOUR  # the one that is not over yet would always look like too little
    earlier = []
    for week in range(1, WEEKS + 1):
        hour = _hour(conn, source, runs, last_full_hour - week * 7 * A_DAY)
        if hour is not None:
            earlier.append(hour)
    return Source(
        runs=runs,
        last_day=watched.parts_of(conn, source, reported_today),
        hour=_hour(conn, source, runs, last_full_hour),
        earlier=earlier,
    )


_NEW: Final = ("new", "restaged", "invalid", "held")
"""Counters of staging whose rows came or changed; the rest of what a run reads was there before."""


def _hour(conn: Connection, source: str, runs: Sequence[Run], begins: datetime) -> Hour | None:
    """Sum up the runs that began in an hour and read the source as usual: `stage` notes of those how much they read."""
    of_hour = [run for run in runs if begins <= run.began_at < begins + HOUR]
    comparable = [run for run in of_hour if "extracted" in run.counts]
    if not comparable:
        return None
    extracted = 0
    for run in comparable:
        extracted += int(run.counts["extracted"])
    new: Counter[str] = Counter()
    for part in watched.parts_of(conn, source, comparable):
        for counter in _NEW:
            new[part.integration_id] += part.counts.get(counter, 0)
    return Hour(extracted, new)
