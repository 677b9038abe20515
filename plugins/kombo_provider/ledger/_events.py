"""The append-only history of each delivery, from its first change after staging on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from kombo_provider.ledger._tables import delivery_events
from kombo_provider.ledger.status import DeliveryKey, RunRef, Status


def event(
    key: DeliveryKey,
    from_status: Status,
    to_status: Status,
    at: datetime,
    run: RunRef | None,
    actor: str,
    *,
    error_code: str | None = None,
    http_status: int | None = None,
    duration_ms: int | None = None,
) -> dict[str, Any]:
    """Build one row of `kombo_delivery_events`."""
    return {
        "source": key.source,
        "integration_id": key.integration_id,
        "applicant_id": key.applicant_id,
        "from_status": from_status,
        "to_status": to_status,
        "at": at,
        "dag_id": run.dag_id if run else None,
        "run_id": run.run_id if run else None,
        "actor": actor,
        "error_code": error_code,
        "http_status": http_status,
        "duration_ms": duration_ms,
    }


def append(conn: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write events in one statement."""
    if rows:
        conn.execute(delivery_events.insert(), list(rows))
