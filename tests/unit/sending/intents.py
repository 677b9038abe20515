"""Intents for tests of the sending."""

from __future__ import annotations

import json
from typing import Any

from kombo_provider.ledger import DeliveryKey
from kombo_provider.ledger.claims import Intent


def intent(applicant_id: str = "1", *, attachments: list[dict[str, Any]] | None = None, text: str = "A") -> Intent:
    """A claimed row; with attachments, it names files."""
    body: dict[str, Any] = {"candidate": {"first_name": text}}
    if attachments is not None:
        body["attachments"] = attachments
    return Intent(
        key=DeliveryKey("s", "ats:a", applicant_id),
        attempt=1,
        endpoint="application",
        job_id="job",
        payload=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        has_files=attachments is not None,
        retryable_codes=0,
        ordered_resend=False,
    )
