"""The ids that Kombo returned, and which of them the user's table has not got yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, or_, select, update

from kombo_provider.ledger._by_key import has_key
from kombo_provider.ledger._tables import IS_TO_WRITE_BACK, deliveries
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import Status


class DeliveredIds(NamedTuple):
    """One delivered applicant; each id may be None, as Kombo's answer may leave it out."""

    integration_id: str
    applicant_id: str
    kombo_application_id: str | None
    kombo_application_remote_id: str | None
    kombo_candidate_id: str | None
    kombo_candidate_remote_id: str | None
    delivered_at: datetime | None


_COLUMNS = (
    deliveries.c.integration_id,
    deliveries.c.applicant_id,
    deliveries.c.kombo_application_id,
    deliveries.c.kombo_application_remote_id,
    deliveries.c.kombo_candidate_id,
    deliveries.c.kombo_candidate_remote_id,
    deliveries.c.finished_at.label("delivered_at"),
)


def to_write_back(
    conn: Connection, source: str, *, after: tuple[str, str] | None, limit: int, refill: bool
) -> list[DeliveredIds]:
    """Return the next delivered rows, in key order, that were not written back (any, with `refill`)."""
    conditions = [
        deliveries.c.source == source,
        deliveries.c.status == Status.DELIVERED if refill else IS_TO_WRITE_BACK,
    ]
    if after is not None:
        integration_id, applicant_id = after
        conditions.append(
            or_(
                deliveries.c.integration_id > integration_id,
                and_(deliveries.c.integration_id == integration_id, deliveries.c.applicant_id > applicant_id),
            )
        )
    query = (
        select(*_COLUMNS)
        .where(*conditions)
        .order_by(deliveries.c.integration_id, deliveries.c.applicant_id)
        .limit(limit)
    )
    return [DeliveredIds(*row) for row in conn.execute(query)]


_ID_COLUMNS = DeliveredIds._fields[2:6]


def mark_written_back(conn: Connection, source: str, written: Sequence[DeliveredIds]) -> None:
    """Remember that the target table has these ids; a row that got more of them meanwhile is left for the next run."""
    if written:
        unchanged = has_key(conn, source, [row[:6] for row in written], *_ID_COLUMNS)
        conn.execute(update(deliveries).where(unchanged).values(written_back_at=now(conn)))
