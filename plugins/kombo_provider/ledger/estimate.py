"""How long rows take: from each lane's last measured latency, its cap, and the rate limit of the connection."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select

from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger._tables import deliveries, lanes
from kombo_provider.ledger.status import Status

RATE_PER_HOUR = 300 * 60
"""What Kombo's documents show of its rate limit; all lanes of a connection share it."""

USUAL_CAP = 30
"""Kombo's own limit, where a lane has shown no other."""

_MS_PER_HOUR = 3_600_000


def hours(
    conn: Connection, kombo_conn_id: str, rows: Mapping[str, int], *, max_in_flight: int = USUAL_CAP
) -> dict[str, float | None]:
    """Return how many hours the rows of each integration take; None where no latency was measured yet."""
    caps = _caps(conn, kombo_conn_id, rows)
    measured = _median_ms(conn, kombo_conn_id, rows)
    found: dict[str, float | None] = {}
    for name, count in rows.items():
        cap = min(max_in_flight, caps.get(name) or max_in_flight)
        by_latency = count * measured[name] / _MS_PER_HOUR / cap if name in measured else None
        found[name] = None if by_latency is None else max(by_latency, count / RATE_PER_HOUR)
    return found


def hours_in_all(hours_by_lane: Mapping[str, float | None], rows: int) -> float | None:
    """Return how long all lanes take side by side; None where nothing is known of one of them."""
    known = [value for value in hours_by_lane.values() if value is not None]
    if len(known) < len(hours_by_lane):
        return None
    return max([*known, rows / RATE_PER_HOUR])


def delivered_elsewhere(conn: Connection, source: str, keys: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of the (integration id, applicant id) pairs whose applicant was delivered to another integration."""
    applicant_ids = sorted({applicant_id for _, applicant_id in keys})
    query = select(deliveries.c.integration_id, deliveries.c.applicant_id).where(
        deliveries.c.source == source,
        deliveries.c.applicant_id.in_(applicant_ids),
        deliveries.c.status == Status.DELIVERED,
    )
    at: dict[str, set[str]] = {}
    for integration_id, applicant_id in conn.execute(query):
        at.setdefault(applicant_id, set()).add(integration_id)
    return {key for key in keys if at.get(key[1], set()) - {key[0]}}


def _caps(conn: Connection, kombo_conn_id: str, names: Collection[str]) -> dict[str, int | None]:
    query = select(lanes.c.integration_id, lanes.c.cap_seen).where(
        lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id.in_(sorted(names))
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def _median_ms(conn: Connection, kombo_conn_id: str, names: Collection[str]) -> dict[str, int]:
    """Return the median latency of each integration's last run that measured one."""
    query = (
        select(runs.c.integration_id, runs.c.p50_ms)
        .where(
            runs.c.kombo_conn_id == kombo_conn_id, runs.c.integration_id.in_(sorted(names)), runs.c.p50_ms.is_not(None)
        )
        .order_by(runs.c.ended_at)
    )
    return {row[0]: row[1] for row in conn.execute(query)}
