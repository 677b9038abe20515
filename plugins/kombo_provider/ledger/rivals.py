"""Deliveries that could own the same application at Kombo as a doubt."""

from __future__ import annotations

from sqlalchemy import Connection, not_, select

from kombo_provider.ledger._tables import IS_UNSETTLED, KEY_COLUMNS, deliveries, is_key
from kombo_provider.ledger.doubts import Doubt, payload_of
from kombo_provider.ledger.email_digest import email_of, payload_digest
from kombo_provider.ledger.status import DeliveryKey


def rivals(conn: Connection, doubt: Doubt) -> list[DeliveryKey]:
    """Return the other deliveries, of whatever source, with a request for the same person and job not yet settled."""
    others = select(*KEY_COLUMNS).where(
        IS_UNSETTLED,
        deliveries.c.integration_id == doubt.key.integration_id,
        deliveries.c.job_id == doubt.job_id,
        not_(is_key(doubt.key)),
    )
    keys = [DeliveryKey(*row) for row in conn.execute(others)]
    return [key for key in keys if _is_about(conn, key, doubt)]


def _is_about(conn: Connection, key: DeliveryKey, doubt: Doubt) -> bool:
    """Tell whether a delivery is about the same person as a doubt; nobody is the same as an unknown person."""
    payload = payload_of(conn, key)
    email = email_of(payload)
    if doubt.email is not None and email is not None:
        return email.strip().lower() == doubt.email.strip().lower()
    return doubt.email_sha256 is not None and payload_digest(conn, payload) == doubt.email_sha256
