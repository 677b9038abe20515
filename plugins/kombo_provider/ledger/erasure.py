"""Empties personal data and keeps the proof of delivery."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, or_, update

from kombo_provider.ledger._moves import By, move_where
from kombo_provider.ledger._tables import EMPTIED, deliveries, is_key
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import DeliveryKey, Resolution, Status

_KEPT_WHILE: Final = (Status.READY, Status.SENDING, Status.IN_DOUBT)
_WAITING: Final = (Status.READY, Status.INVALID, Status.REJECTED)


def forget(conn: Connection, key: DeliveryKey, by: By) -> bool:
    """Empty one person's data; keys, ids and times stay as proof. Return False where there is no such delivery.

    A row that waited to be sent is cancelled: without its payload it cannot leave.
    """
    at = now(conn)
    cancelled = {"resolution": Resolution.HUMAN, "finished_at": at}
    for status in _WAITING:
        move_where(conn, status, Status.CANCELLED, [is_key(key)], cancelled, by, at)
    return conn.execute(update(deliveries).where(is_key(key)).values(EMPTIED)).rowcount > 0


def empty_old_payloads(conn: Connection, source: str, keep_days: int) -> int:
    """Empty the personal data of rows that failed, were cancelled or delivered long ago; return how many."""
    personal = or_(*(deliveries.c[name].is_not(None) for name in EMPTIED))
    statement = (
        update(deliveries)
        .where(
            deliveries.c.source == source,
            deliveries.c.status.not_in(_KEPT_WHILE),
            deliveries.c.finished_at < now(conn) - timedelta(days=keep_days),
            personal,
        )
        .values(EMPTIED)
    )
    return conn.execute(statement).rowcount
