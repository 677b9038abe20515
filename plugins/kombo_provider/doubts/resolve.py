"""Looks up what became of requests in doubt: finding proves, not finding proves nothing.

Kombo's reads come from its synced copy (Kombo docs: sync), so a row that is not found stays in doubt.
"""

from __future__ import annotations

import logging
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from kombo_provider.doubts import markdown
from kombo_provider.doubts.found import DigestOf, Found, found, is_about, is_for_job, object_of, objects
from kombo_provider.errors import AccountError, ApiError, ConfigurationError, CursorError, IntegrationError, KomboError
from kombo_provider.ledger import REMOTE, Actor, By, Doubt, Ledger, RunRef, Status, delivered_ids
from kombo_provider.ledger import doubts as doubt_store
from kombo_provider.ledger.rivals import Rivals

log = logging.getLogger(__name__)

LOOK_UPS_AT_MOST = 500
"""Rows of one integration that one run looks up."""

RECORDS_AT_MOST = 5_000
"""Records of Kombo's that one look-up reads: a job may have any number of applications."""

FAILURES_IN_ROW = 3
"""Look-ups of an integration that fail one after the other, before it is left for the next run."""


class Reads(Protocol):
    """What a look-up needs of a client (see kombo_provider.client.client.KomboClient)."""

    def applications(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield applications."""

    def candidates(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield candidates."""


def never() -> bool:
    """Return that a look-up has all the time it wants."""
    return False


def resolve(
    ledger: Ledger, client: Reads, source: str, kombo_conn_id: str, run: RunRef, is_over: Callable[[], bool] = never
) -> Counter[str]:
    """Look up the source's rows in doubt, and the delivered ones without ids; return what became of them.

    A row that cannot be looked up keeps no other from it. None is begun once `is_over`: the rest is `left` for the
    next run. Raises AccountError where Kombo refuses the API key.
    """
    by = By(Actor.LOOK_UP, run)
    with ledger.transaction() as conn:
        wanted = doubt_store.to_look_up(conn, source, kombo_conn_id, LOOK_UPS_AT_MOST)
    by_integration: dict[str, list[Doubt]] = defaultdict(list)
    for doubt in wanted:
        by_integration[doubt.key.integration_id].append(doubt)
    counts: Counter[str] = Counter()
    lanes = list(by_integration.values())
    random.shuffle(lanes)  # where several hang, the time is over before the last: not for the same ones each run
    for doubts in lanes:
        counts += look_up(ledger, client, doubts, doubts, by, is_over)
    return counts


def look_up(
    ledger: Ledger,
    client: Reads,
    doubts: Sequence[Doubt],
    unsettled: Sequence[Doubt],
    by: By,
    is_over: Callable[[], bool] = never,
) -> Counter[str]:
    """Look up rows of one integration, until it cannot be read; `unsettled` are all of it that could own a record."""
    same = Counter(_identity(ledger, doubt) for doubt in unsettled if doubt.ids.kombo_application_id is None)
    counts: Counter[str] = Counter()
    rivals = Rivals()
    failures = 0
    for number, doubt in enumerate(doubts):
        if is_over():
            return counts + Counter(left=len(doubts) - number, unreadable=number - counts.total())
        try:
            alone = same[_identity(ledger, doubt)] <= 1
            counts[_look_up(ledger, client, doubt, by, rivals if alone else None)] += 1
            failures = 0
        except AccountError:
            raise
        except IntegrationError as exc:
            log.warning("%s cannot be looked up now: %s", doubt.key.integration_id, exc)
            break
        except (ApiError, ConfigurationError) as exc:
            _pass_over(ledger, doubt, str(exc), is_the_rows_own=_is_the_rows_own(exc))
            failures += 1
        except KomboError:
            raise
        except Exception as exc:  # noqa: BLE001 - one row's records must not end the look-ups of all others
            said = f"what Kombo has of it cannot be read ({type(exc).__name__}); please report this as a bug"
            _pass_over(ledger, doubt, said, is_the_rows_own=True)
            failures += 1
        if failures == FAILURES_IN_ROW:
            break
    return counts + Counter(unreadable=len(doubts) - counts.total())


def _pass_over(ledger: Ledger, doubt: Doubt, said: str, *, is_the_rows_own: bool) -> None:
    log.warning("%s of %s: %s", markdown.plain(doubt.key.applicant_id), doubt.key.integration_id, said)
    if is_the_rows_own:
        with ledger.transaction() as conn:
            doubt_store.looked_up(conn, [doubt.key])


def _is_the_rows_own(exc: ApiError | ConfigurationError) -> bool:
    """Tell whether asking again would fail again: then a person is asked without waiting for a look-up."""
    if isinstance(exc, ConfigurationError | CursorError):
        return True
    return exc.http_status is not None and exc.http_status < 500 and exc.http_status != 429


def _identity(ledger: Ledger, doubt: Doubt) -> tuple[str, str | None]:
    """Deliveries to one integration with the same person and job cannot be told apart by a look-up."""
    if doubt.email is None:
        return doubt.job_id, doubt.email_sha256
    return doubt.job_id, ledger.email_digest(doubt.email) or doubt.email.strip().lower()


def _look_up(ledger: Ledger, client: Reads, doubt: Doubt, by: By, rivals: Rivals | None) -> str:
    """Look for one row; without `rivals` it is known that another row could own what is found."""
    hits = find(client, doubt, ledger.email_digest)
    with ledger.transaction() as conn:
        applications = [(hit.application_id, hit.application_remote_id) for hit in hits]
        owners = delivered_ids.owned(conn, doubt.key.integration_id, applications)
        free = [hit for hit in hits if owners.get(hit.application_id) in (None, doubt.key)]
        is_theirs = len(free) == 1 and (_is_named(doubt) or (rivals is not None and not rivals.of(conn, doubt)))
        if is_theirs and doubt_store.fill_ids(conn, doubt, free[0].ids(), by):
            return "delivered" if doubt.status is Status.IN_DOUBT else "ids filled in"
        doubt_store.looked_up(conn, [doubt.key])
    return "still in doubt" if doubt.status is Status.IN_DOUBT else "ids still missing"


def _is_named(doubt: Doubt) -> bool:
    """Tell whether an id says which application is theirs."""
    return doubt.ids.kombo_application_id is not None or doubt.ids.kombo_application_remote_id is not None


def find(client: Reads, doubt: Doubt, digest_of: DigestOf) -> list[Found]:
    """Return the applications at Kombo that are the delivery's by id, or by person, job and time.

    Only an instant after the first request began proves that an application is not an older one of the same person.
    """
    if doubt.ids.kombo_application_id is not None:
        return list(_by_application_id(client, doubt, doubt.ids.kombo_application_id))
    if doubt.ids.kombo_application_remote_id is not None:
        return list(_by_remote_id(client, doubt, doubt.ids.kombo_application_remote_id))
    hits = list(_by_candidate(client, doubt, digest_of)) or list(_by_job(client, doubt, digest_of))
    young = {hit.application_id: hit for hit in hits if hit.made_after(doubt.first_sent_at)}
    return list(young.values())


def _by_application_id(client: Reads, doubt: Doubt, application_id: str) -> Iterator[Found]:
    records = client.applications(doubt.key.integration_id, ids=[application_id], include_deleted=True)
    for application in _bounded(records, doubt):
        if application.get("id") == application_id:
            yield from found(application, object_of(application.get("candidate")))


def _by_remote_id(client: Reads, doubt: Doubt, remote_id: str) -> Iterator[Found]:
    if "," in remote_id:
        return  # Kombo takes a comma for the end of the id
    records = client.applications(doubt.key.integration_id, remote_ids=[remote_id], include_deleted=True)
    for application in _bounded(records, doubt):
        if application.get("remote_id") == remote_id:
            yield from found(application, object_of(application.get("candidate")))


def _by_candidate(client: Reads, doubt: Doubt, digest_of: DigestOf) -> Iterator[Found]:
    known_id = doubt.ids.kombo_candidate_id
    if known_id is not None:
        filters: dict[str, Any] = {"ids": [known_id]}
    elif doubt.email is not None:
        filters = {"email": doubt.email}
    else:
        return
    if not doubt.job_id.startswith(REMOTE) and "," not in doubt.job_id:
        filters["job_ids"] = [doubt.job_id]
    for candidate in _bounded(client.candidates(doubt.key.integration_id, include_deleted=True, **filters), doubt):
        is_theirs = candidate.get("id") == known_id if known_id is not None else is_about(candidate, doubt, digest_of)
        if not is_theirs:
            continue
        for application in objects(candidate.get("applications")):
            if is_for_job(application, doubt.job_id):
                yield from found(application, candidate)


def _by_job(client: Reads, doubt: Doubt, digest_of: DigestOf) -> Iterator[Found]:
    remote_id = doubt.job_id.removeprefix(REMOTE)
    if "," in remote_id or doubt.first_sent_at is None:
        return  # Kombo takes a comma for the end of the id, and without a date a job's whole history would be read.
    job = {"job_remote_ids" if doubt.job_id.startswith(REMOTE) else "job_ids": [remote_id]}
    since = doubt.first_sent_at.date()
    records = client.applications(doubt.key.integration_id, include_deleted=True, remote_created_after=since, **job)
    for application in _bounded(records, doubt):
        candidate = object_of(application.get("candidate"))
        if is_about(candidate, doubt, digest_of):
            yield from found(application, candidate)


def _bounded(records: Iterator[dict[str, Any]], doubt: Doubt) -> Iterator[dict[str, Any]]:
    """Yield the records; raises ApiError where there are too many to be sure that one is the only one."""
    for number, record in enumerate(records):
        if number == RECORDS_AT_MOST:
            raise ApiError(
                f"More than {RECORDS_AT_MOST} records of Kombo's match. Look the application up in the ATS.",
                http_status=200,
                integration_id=doubt.key.integration_id,
            )
        yield record
