"""Requests that may be on the wire."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from kombo_provider.ledger._tables import IS_UNSETTLED, deliveries
from kombo_provider.ledger.status import Status


def lanes(conn: Connection, source: str, kombo_conn_id: str) -> list[str]:
    """Return the integrations on whose lanes requests for the source's rows may be on the wire."""
    query = (
        select(deliveries.c.integration_id)
        .where(
            deliveries.c.kombo_conn_id == kombo_conn_id,
            IS_UNSETTLED,
            deliveries.c.status == Status.SENDING,
            deliveries.c.source == source,
        )
        .distinct()
    )
    return list(conn.scalars(query))


def count(conn: Connection) -> int:
    """Count the requests that may be on the wire, over all sources and lanes."""
    return conn.scalar(select(func.count()).where(IS_UNSETTLED, deliveries.c.status == Status.SENDING)) or 0
