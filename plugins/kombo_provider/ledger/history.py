"""One delivery, and its history."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from kombo_provider.ledger._tables import deliveries, delivery_events
from kombo_provider.ledger.status import DeliveryKey


def find(conn: Connection, key: DeliveryKey) -> dict[str, Any] | None:
    """Return the delivery with this key, all columns but the payload; None where the ledger has none."""
    columns = [column for column in deliveries.c if column.name != "payload"]
    query = select(*columns).where(
        deliveries.c.source == key.source,
        deliveries.c.integration_id == key.integration_id,
        deliveries.c.applicant_id == key.applicant_id,
    )
    row = conn.execute(query).mappings().first()
    return dict(row) if row else None


def find_all(conn: Connection, source: str, applicant_id: str) -> list[dict[str, Any]]:
    """Return the deliveries of an applicant id on all integrations."""
    query = select(deliveries.c.integration_id).where(
        deliveries.c.source == source, deliveries.c.applicant_id == applicant_id
    )
    keys = [DeliveryKey(source, integration_id, applicant_id) for integration_id in sorted(conn.scalars(query))]
    return [row for key in keys if (row := find(conn, key)) is not None]


def history(conn: Connection, key: DeliveryKey) -> list[dict[str, Any]]:
    """Return the delivery's events, oldest first."""
    query = (
        select(delivery_events)
        .where(
            delivery_events.c.source == key.source,
            delivery_events.c.integration_id == key.integration_id,
            delivery_events.c.applicant_id == key.applicant_id,
        )
        .order_by(delivery_events.c.event_id)
    )
    return [dict(row) for row in conn.execute(query).mappings()]
