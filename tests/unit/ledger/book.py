"""Short words for what tests do to a ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping, select, update

from kombo_provider.ledger import claims, leases, results, staging
from kombo_provider.ledger._moves import By
from kombo_provider.ledger._tables import deliveries, delivery_events
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.kombo_ids import ID_COLUMNS, KomboIds
from kombo_provider.ledger.ledger import Ledger
from kombo_provider.ledger.results import Result
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.staging import Staging
from kombo_provider.ledger.status import Actor, DeliveryKey, RunRef, Status

RUN = RunRef("kombo_push", "scheduled__1")
STAGING = Staging("crm.applicants", "kombo_default", "application", RUN)
SELECTION = Selection("crm.applicants", "kombo_default")
CHANGED = datetime(2026, 3, 1, 12, 30, 0, 250, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """A mapped row."""

    applicant_id: str | None = "1"
    integration_id: str | None = "greenhouse:a"
    job_id: str | None = "job-1"
    payload: str | None = '{"candidate":{"first_name":"Zoë"}}'
    payload_sha256: str = "hash-1"
    problems: str | None = None
    changed_at: datetime | None = CHANGED
    already_sent: str | None = None
    withdrawn: bool = False
    has_files: bool = False
    row_digest: str | None = None
    known: str | None = None
    unasked: bool = False

    def but(self, **changes: Any) -> Row:
        """Return the row with some values changed."""
        return replace(self, **changes)


VALID = Row()
INVALID = Row(payload=None, payload_sha256="wrong-1", problems='[{"field":"x","problem":"is required"}]')


class Book:
    """A ledger, one transaction per call."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def stage(self, *rows: Row, **said: Any) -> dict[str, int]:
        """Stage rows; `said` replaces what STAGING says."""
        with self.ledger.transaction() as conn:
            staging.lock_source(conn, STAGING.source)
            return dict(staging.stage(conn, replace(STAGING, **said), rows))

    def row(self, applicant_id: str = "1", integration_id: str = "greenhouse:a") -> RowMapping:
        """Return a delivery."""
        of_key = deliveries.c.applicant_id == applicant_id, deliveries.c.integration_id == integration_id
        with self.ledger.transaction() as conn:
            return conn.execute(select(deliveries).where(*of_key)).mappings().one()

    def set(self, applicant_id: str = "1", **values: Any) -> None:
        """Set columns of a delivery, behind the ledger's back."""
        with self.ledger.transaction() as conn:
            conn.execute(update(deliveries).where(deliveries.c.applicant_id == applicant_id).values(values))

    def statuses(self) -> dict[str, int]:
        """Count the deliveries by status."""
        with self.ledger.transaction() as conn:
            return dict(Counter(conn.scalars(select(deliveries.c.status))))

    def moves(self, applicant_id: str = "1") -> list[tuple[str, str]]:
        """Return the status changes of a delivery, oldest first."""
        query = select(delivery_events.c.from_status, delivery_events.c.to_status).order_by(delivery_events.c.event_id)
        with self.ledger.transaction() as conn:
            found = conn.execute(query.where(delivery_events.c.applicant_id == applicant_id))
            return [(row[0], row[1]) for row in found]

    def acquire(
        self, holder: str = "task-1", integration_id: str = "greenhouse:a", turn: leases.Turn | None = None
    ) -> leases.Lease | None:
        """Take a lane."""
        with self.ledger.transaction() as conn:
            return leases.acquire(conn, "kombo_default", integration_id, holder, RUN, turn=turn)

    def claim(
        self, limit: int = 10, selection: Selection = SELECTION, run: RunRef = RUN, lane: str = "greenhouse:a"
    ) -> list[Intent]:
        """Claim due rows of a lane."""
        with self.ledger.transaction() as conn:
            return claims.claim(conn, selection, lane, limit, run)

    def record(self, intent: Intent, status: Status, **values: Any) -> None:
        """Record what became of an intent; a value may also be an id by its column."""
        ids = KomboIds(**{name: values.pop(name) for name in ID_COLUMNS if name in values})
        with self.ledger.transaction() as conn:
            results.record(conn, [Result(intent=intent, status=status, ids=ids, duration_ms=120, **values)], RUN)

    def deliver(self, *applicant_ids: str, **ids: Any) -> None:
        """Stage, claim and deliver rows."""
        self.stage(*(VALID.but(applicant_id=applicant_id) for applicant_id in applicant_ids))
        for intent in self.claim(len(applicant_ids)):
            found = {"kombo_application_id": f"app-{intent.key.applicant_id}"} | ids
            self.record(intent, Status.DELIVERED, resolution="response", **found)


GRACE = By(Actor.PERSON, RUN, "Grace")


def key(applicant_id: str = "1", integration_id: str = "greenhouse:a") -> DeliveryKey:
    """Return the key of a delivery of the tests' source."""
    return DeliveryKey("crm.applicants", integration_id, applicant_id)
