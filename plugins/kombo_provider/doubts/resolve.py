"""Looks up what became of requests in doubt: finding proves, not finding proves nothing.

Kombo's reads come from its synced copy (Kombo docs: sync), so a row that is not found stays in doubt.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol

from kombo_provider.errors import ApiError
from kombo_provider.ledger import Actor, By, Doubt, Ledger, RunRef, Status
from kombo_provider.ledger import doubts as doubt_store
from kombo_provider.ledger.email_digest import email_of

log = logging.getLogger(__name__)

LOOK_UPS_AT_MOST = 2_000
_REMOTE = "remote:"

DigestOf = Callable[[str], str | None]
"""The ledger's digest of an e-mail address."""


class Reads(Protocol):
    """What a look-up needs of a client (see kombo_provider.client.client.KomboClient)."""

    def applications(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield applications."""

    def candidates(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield candidates."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An application at Kombo that may be the one in doubt."""

    application_id: str
    application_remote_id: str | None
    candidate_id: str | None
    candidate_remote_id: str | None
    created: date | None


def resolve(ledger: Ledger, client: Reads, source: str, kombo_conn_id: str, run: RunRef) -> Counter[str]:
    """Look up the source's rows in doubt, and the delivered ones without ids; return what became of them.

    A hit counts only if it is the only one, belongs to no other delivery and was not made before the first request.
    An integration that cannot be read is left for the next run.
    """
    by = By(Actor.LOOK_UP, run)
    with ledger.transaction() as conn:
        wanted = doubt_store.to_look_up(conn, source, kombo_conn_id, LOOK_UPS_AT_MOST)
    rivals = Counter(_identity(ledger, doubt) for doubt in wanted if doubt.status is Status.IN_DOUBT)
    counts: Counter[str] = Counter()
    by_integration: dict[str, list[Doubt]] = defaultdict(list)
    for doubt in wanted:
        by_integration[doubt.key.integration_id].append(doubt)
    for integration_id, doubts in by_integration.items():
        try:
            for doubt in doubts:
                counts[_look_up(ledger, client, doubt, by, alone=rivals[_identity(ledger, doubt)] <= 1)] += 1
        except ApiError as exc:
            counts["unreadable"] += 1
            log.warning("%s cannot be looked up now: %s", integration_id, exc)
    return counts


def _look_up(ledger: Ledger, client: Reads, doubt: Doubt, by: By, *, alone: bool) -> str:
    hits = find(client, doubt, ledger.email_digest) if alone else []
    with ledger.transaction() as conn:
        taken = doubt_store.owned(conn, doubt.key.integration_id, [hit.application_id for hit in hits])
        free = [hit for hit in hits if taken.get(hit.application_id) in (None, doubt.key)]
        if len(free) == 1:
            found = doubt_store.fill_ids(conn, doubt, _ids(free[0]), by)
            if found:
                return "delivered" if doubt.status is Status.IN_DOUBT else "ids filled in"
        doubt_store.looked_up(conn, [doubt.key])
    return "still in doubt" if doubt.status is Status.IN_DOUBT else "ids still missing"


def find(client: Reads, doubt: Doubt, digest_of: DigestOf) -> list[Hit]:
    """Return the applications at Kombo that match the delivery's person and job, and are young enough."""
    hits = {hit.application_id: hit for hit in _candidates_hits(client, doubt, digest_of)}
    hits |= {hit.application_id: hit for hit in _applications_hits(client, doubt, digest_of)} if not hits else {}
    first_day = doubt.first_sent_at.date() if doubt.first_sent_at else None
    return [hit for hit in hits.values() if hit.created is None or first_day is None or hit.created >= first_day]


def _candidates_hits(client: Reads, doubt: Doubt, digest_of: DigestOf) -> Iterator[Hit]:
    email, integration_id = email_of(doubt.payload), doubt.key.integration_id
    if doubt.kombo_application_id is not None:
        return
    if doubt.kombo_candidate_id is not None:
        filters: dict[str, Any] = {"ids": [doubt.kombo_candidate_id]}
    elif email is not None:
        filters = {"email": email}
    else:
        return
    if not doubt.job_id.startswith(_REMOTE):
        filters["job_ids"] = [doubt.job_id]
    for candidate in client.candidates(integration_id, include_deleted=True, **filters):
        if doubt.kombo_candidate_id is None and not _has_email(candidate, doubt, digest_of):
            continue
        for application in candidate.get("applications") or []:
            if _is_job(application.get("job"), doubt.job_id) and application.get("id"):
                yield _hit(application, candidate)


def _applications_hits(client: Reads, doubt: Doubt, digest_of: DigestOf) -> Iterator[Hit]:
    if doubt.kombo_application_id is not None:
        for application in client.applications(
            doubt.key.integration_id, ids=[doubt.kombo_application_id], include_deleted=True
        ):
            yield _hit(application, application.get("candidate") or {})
        return
    job = {"job_ids": [doubt.job_id]}
    if doubt.job_id.startswith(_REMOTE):
        job = {"job_remote_ids": [doubt.job_id.removeprefix(_REMOTE)]}
    since = {"remote_created_after": doubt.first_sent_at.date()} if doubt.first_sent_at else {}
    for application in client.applications(doubt.key.integration_id, include_deleted=True, **job, **since):
        if _has_email(application.get("candidate") or {}, doubt, digest_of) and application.get("id"):
            yield _hit(application, application.get("candidate") or {})


def _hit(application: dict[str, Any], candidate: dict[str, Any]) -> Hit:
    return Hit(
        application_id=application["id"],
        application_remote_id=application.get("remote_id"),
        candidate_id=candidate.get("id") or application.get("candidate_id"),
        candidate_remote_id=candidate.get("remote_id"),
        created=_day(application.get("remote_created_at")),
    )


def _ids(hit: Hit) -> dict[str, str | None]:
    return {
        "kombo_application_id": hit.application_id,
        "kombo_application_remote_id": hit.application_remote_id,
        "kombo_candidate_id": hit.candidate_id,
        "kombo_candidate_remote_id": hit.candidate_remote_id,
    }


def _day(value: object) -> date | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC).date()
    except ValueError:
        return None


def _is_job(job: object, job_id: str) -> bool:
    if not isinstance(job, dict):
        return False
    if job_id.startswith(_REMOTE):
        return job.get("remote_id") == job_id.removeprefix(_REMOTE)
    return job.get("id") == job_id


def _has_email(candidate: dict[str, Any], doubt: Doubt, digest_of: DigestOf) -> bool:
    found: Sequence[Any] = candidate.get("email_addresses") or []
    addresses = [str(entry.get("email_address")) for entry in found if isinstance(entry, dict)]
    email = email_of(doubt.payload)
    if email is not None:
        return email.strip().lower() in (address.strip().lower() for address in addresses)
    return doubt.email_sha256 is not None and doubt.email_sha256 in map(digest_of, addresses)


def _identity(ledger: Ledger, doubt: Doubt) -> tuple[str, str, str | None]:
    """Deliveries with the same person and job cannot be told apart by a look-up."""
    email = email_of(doubt.payload)
    person = doubt.email_sha256 if email is None else ledger.email_digest(email) or email.strip().lower()
    return doubt.key.integration_id, doubt.job_id, person
