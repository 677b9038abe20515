"""What becomes of an extracted row, decided from it and from what the ledger holds under its key: pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from kombo_provider.ledger.status import RESTAGED_WHEN_CHANGED, RETRYABLE_CODES_AT_MOST, Status

COUNTERS = (
    "new",
    "restaged",
    "already_known",
    "changed_after_delivery",
    "invalid",
    "duplicate_keys",
    "without_key",
    "imported",
    "withdrawn",
    "held",
    "not_yet",
)
"""What can become of an extracted row; each row counts in exactly one, so they add up to `extracted`."""

UNASKED = "unasked:"
"""Stands before the digest of a row that was staged without its job's questions."""


class StagedRow(Protocol):
    """What staging needs of a mapped row (see kombo_provider.mapping.MappedRow)."""

    @property
    def integration_id(self) -> str | None: ...
    @property
    def applicant_id(self) -> str | None: ...
    @property
    def job_id(self) -> str | None: ...
    @property
    def payload(self) -> str | None: ...
    @property
    def payload_sha256(self) -> str: ...
    @property
    def problems(self) -> str | None: ...
    @property
    def changed_at(self) -> datetime | None: ...
    @property
    def already_sent(self) -> str | None: ...
    @property
    def withdrawn(self) -> bool: ...
    @property
    def has_files(self) -> bool: ...
    @property
    def row_digest(self) -> str | None: ...
    @property
    def known(self) -> str | None: ...
    @property
    def unasked(self) -> bool: ...


class Known(NamedTuple):
    """What the ledger holds of a key."""

    status: Status
    payload_sha256: str
    job_id: str | None
    resolution: str | None
    kombo_conn_id: str
    endpoint: str
    hold: str | None
    priority: int
    changed_at: datetime | None
    retryable_codes: int
    row_digest: str | None


def decide(row: StagedRow, before: Known | None) -> tuple[str, Status | None]:
    """Say how the row counts and which status it takes on; None leaves the ledger's row as it is."""
    wanted, counter = _wanted(row)
    if before is None:
        return counter, wanted
    same = is_same(row, before)
    if before.status is Status.DELIVERED:
        # Whatever the source says now: what was delivered never leaves again (promise P1).
        if same:
            return "already_known", None
        return "changed_after_delivery", None
    if before.status not in RESTAGED_WHEN_CHANGED or _is_decided_by_person(before):
        return "already_known", None
    if wanted is Status.READY and _has_no_tries_left(before):
        return "already_known", None
    if counter in ("withdrawn", "imported"):
        # What the source says about the row as a whole goes before what it says of the body.
        if wanted is before.status:
            return "already_known", None
        return counter, wanted
    if same and before.status is Status.READY:
        # It counts as this run's own, though it stays as it is: hence a status.
        return "already_known", wanted
    if same and before.status is not Status.CANCELLED:
        return "already_known", None
    # A row that was withdrawn comes back here even if it is the same: the source wants it again.
    if wanted is Status.READY:
        return "restaged", wanted
    return "invalid", wanted


def _is_decided_by_person(before: Known) -> bool:
    return before.status is Status.CANCELLED and before.resolution is not None


def _has_no_tries_left(before: Known) -> bool:
    """Tell whether its tries are used up for good: only a person's replay gives it new ones."""
    return before.status is Status.REJECTED and before.retryable_codes >= RETRYABLE_CODES_AT_MOST


def is_same(row: StagedRow, before: Known) -> bool:
    """Tell whether the ledger has this very row.

    Where a job's questions could not be asked for, now or when it was delivered, the body lacks what they make of it:
    then the source row decides. A row that was not delivered yet is to be checked once they can be.
    """
    if row.payload_sha256 == before.payload_sha256:
        return True
    if row.row_digest is None or before.row_digest is None or row.row_digest != before.row_digest.removeprefix(UNASKED):
        return False
    return row.unasked or before.status is Status.DELIVERED


def known_by(row: StagedRow) -> str | None:
    """Return what the row is known by from now on; the next extract looks more closely at one marked UNASKED."""
    if row.unasked and row.row_digest is not None:
        return f"{UNASKED}{row.row_digest}"
    return row.row_digest


def _wanted(row: StagedRow) -> tuple[Status, str]:
    # In this order: a row that is withdrawn or was sent is not looked at any further, even if its body is unusable.
    if row.withdrawn:
        return Status.CANCELLED, "withdrawn"
    if row.already_sent is not None:
        return Status.DELIVERED, "imported"
    if row.problems is not None:
        return Status.INVALID, "invalid"
    return Status.READY, "new"
