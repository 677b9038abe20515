"""One delivery, and its history."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from kombo_provider.ledger._tables import deliveries, delivery_events, is_key
from kombo_provider.ledger.status import DeliveryKey

_ALL_BUT_PAYLOAD = [column for column in deliveries.c if column.name != "payload"]
"""A payload may hold megabytes of files, and whoever asks for a delivery's history has no use for it."""


def find(conn: Connection, key: DeliveryKey) -> dict[str, Any] | None:
    """Return the delivery with this key, all columns but the payload; None where the ledger has none."""
    row = conn.execute(select(*_ALL_BUT_PAYLOAD).where(is_key(key))).mappings().first()
    if row is None:
        return None
    return dict(row)


def find_all(conn: Connection, source: str, applicant_id: str) -> list[dict[str, Any]]:
    """Return the deliveries of an applicant id on all integrations."""
    of_applicant = deliveries.c.source == source, deliveries.c.applicant_id == applicant_id
    found = conn.execute(select(*_ALL_BUT_PAYLOAD).where(*of_applicant)).mappings()
    # Not by the database, whose order of letters may be its language's.
    return sorted(map(dict, found), key=lambda row: str(row["integration_id"]))


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
