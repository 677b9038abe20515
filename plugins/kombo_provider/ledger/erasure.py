"""Empties personal data and keeps the proof of delivery."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, or_, update

from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import DeliveryKey, Status

_PERSONAL: Final = {"payload": None, "error_message": None, "warnings": None}
_KEPT_WHILE: Final = (Status.READY, Status.SENDING, Status.IN_DOUBT)


def forget(conn: Connection, key: DeliveryKey) -> bool:
    """Empty one person's data; keys, ids and times stay as proof. Return False where there is no such delivery.

    A row that waited to be sent is cancelled: without its payload it cannot leave.
    """
    of_key = (
        deliveries.c.source == key.source,
        deliveries.c.integration_id == key.integration_id,
        deliveries.c.applicant_id == key.applicant_id,
    )
    waiting = (Status.READY, Status.INVALID, Status.REJECTED)
    cancelled = update(deliveries).where(*of_key, deliveries.c.status.in_(waiting))
    conn.execute(cancelled.values(status=Status.CANCELLED, resolution="human", finished_at=now(conn)))
    return conn.execute(update(deliveries).where(*of_key).values(_PERSONAL)).rowcount > 0


def empty_old_payloads(conn: Connection, source: str, keep_days: int) -> int:
    """Empty the personal data of rows that failed, were cancelled or delivered long ago; return how many."""
    personal = or_(*(deliveries.c[name].is_not(None) for name in _PERSONAL))
    statement = (
        update(deliveries)
        .where(
            deliveries.c.source == source,
            deliveries.c.status.not_in(_KEPT_WHILE),
            deliveries.c.finished_at < now(conn) - timedelta(days=keep_days),
            personal,
        )
        .values(_PERSONAL)
    )
    return conn.execute(statement).rowcount
