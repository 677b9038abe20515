"""Rows in doubt without a ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kombo_provider.ledger import DeliveryKey, Status
from kombo_provider.ledger.doubts import Doubt


def doubt(applicant_id: str = "1", job_id: str = "job", **said: Any) -> Doubt:
    """A row in doubt; `said` sets its other fields."""
    values: dict[str, Any] = dict.fromkeys(Doubt.__dataclass_fields__)
    values |= {"key": DeliveryKey("crm", "ats:a", applicant_id), "status": Status.IN_DOUBT, "attempts": 1}
    values |= {"job_id": job_id, "sent_at": datetime(2026, 11, 26, tzinfo=UTC)}
    return Doubt(**values | said)
