"""What a look-up reads of Kombo's records, and what a record proves.

Nothing in a record can raise: what is not as documented is no evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from kombo_provider.client.envelope import id_text
from kombo_provider.ledger import REMOTE
from kombo_provider.ledger.doubts import Doubt
from kombo_provider.ledger.kombo_ids import KomboIds

DigestOf = Callable[[str], str | None]
"""The ledger's digest of an e-mail address."""
_DATE_LENGTH = len("2026-11-26")


@dataclass(frozen=True, slots=True)
class Found:
    """An application at Kombo that may be a delivery's; `created_at` is None where no instant is known."""

    application_id: str
    application_remote_id: str | None
    candidate_id: str | None
    candidate_remote_id: str | None
    created_at: datetime | None

    def made_after(self, began: datetime | None) -> bool:
        """Tell whether it is proven that the application was made after a request began."""
        return began is not None and self.created_at is not None and self.created_at >= began

    def ids(self) -> KomboIds:
        """Return them as the ledger keeps them."""
        return KomboIds(
            kombo_application_id=self.application_id,
            kombo_application_remote_id=self.application_remote_id,
            kombo_candidate_id=self.candidate_id,
            kombo_candidate_remote_id=self.candidate_remote_id,
        )


def found(application: Mapping[str, Any], candidate: Mapping[str, Any]) -> Iterator[Found]:
    """Yield the application, nothing where it has no id."""
    application_id = id_text(application.get("id"))
    if application_id is not None:
        yield Found(
            application_id=application_id,
            application_remote_id=id_text(application.get("remote_id")),
            # A nested candidate may be null where its id beside the record is known.
            candidate_id=id_text(candidate.get("id")) or id_text(application.get("candidate_id")),
            candidate_remote_id=id_text(candidate.get("remote_id")),
            created_at=instant(application.get("remote_created_at")),
        )


def instant(value: object) -> datetime | None:
    """Return the instant that a stamp proves: a day proves none, nor does the midnight that some ATSs make of a day."""
    if not isinstance(value, str) or len(value) <= _DATE_LENGTH:
        return None
    try:
        stamp = datetime.fromisoformat(value)
        if stamp.tzinfo is None:
            return None
        at = stamp.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if at.time() == time.min:
        return None
    return at


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list, none for anything else."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]


def object_of(value: object) -> dict[str, Any]:
    """Return an object, an empty one for anything else."""
    if isinstance(value, dict):
        return value
    return {}


def is_for_job(application: Mapping[str, Any], job_id: str) -> bool:
    """Tell whether an application is for the job, given as Kombo's id or as `remote:` and the ATS's."""
    job = object_of(application.get("job"))
    if job_id.startswith(REMOTE):
        return job.get("remote_id") == job_id.removeprefix(REMOTE)
    return job.get("id") == job_id


def is_about(candidate: Mapping[str, Any], doubt: Doubt, digest_of: DigestOf) -> bool:
    """Tell whether one of a candidate's addresses is the delivery's; nobody has an unknown address."""
    addresses = addresses_of(candidate)
    if doubt.email is not None:
        return doubt.email.strip().lower() in addresses
    # The payload is emptied, and with it the address; what is left is its digest.
    return doubt.email_sha256 is not None and doubt.email_sha256 in map(digest_of, addresses)


def addresses_of(candidate: Mapping[str, Any]) -> list[str]:
    """Return a candidate's e-mail addresses, in lower case."""
    addresses = []
    for entry in objects(candidate.get("email_addresses")):
        address = entry.get("email_address")
        if isinstance(address, str):
            addresses.append(address.strip().lower())
    return addresses
