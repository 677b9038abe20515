"""Looks up what became of requests in doubt: finding proves, not finding proves nothing.

Kombo's reads come from its synced copy (Kombo docs: sync), so a row that is not found stays in doubt.
"""

from __future__ import annotations

import logging
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection

from kombo_provider.doubts import markdown
from kombo_provider.doubts.found import DigestOf, Found, found, is_about, is_for_job, object_of, objects
from kombo_provider.errors import AccountError, ApiError, ConfigurationError, CursorError, IntegrationError, KomboError
from kombo_provider.ledger import REMOTE, Actor, By, Ledger, RunRef, Status, delivered_ids
from kombo_provider.ledger import doubts as doubt_store
from kombo_provider.ledger.doubts import Doubt
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
    with ledger.transaction() as conn:
        wanted = doubt_store.to_look_up(conn, source, kombo_conn_id, LOOK_UPS_AT_MOST)
    by_integration: dict[str, list[Doubt]] = defaultdict(list)
    for doubt in wanted:
        by_integration[doubt.key.integration_id].append(doubt)
    integrations = list(by_integration.values())
    # Where several hang, the time is over before the last ones: not for the same ones each run.
    random.shuffle(integrations)
    counts: Counter[str] = Counter()
    for doubts in integrations:
        counts += look_up(ledger, client, doubts, doubts, By(Actor.LOOK_UP, run), is_over)
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
    unowned = [doubt for doubt in unsettled if doubt.ids.kombo_application_id is None]
    alike = Counter(_identity(ledger, doubt) for doubt in unowned)
    rivals = Rivals()
    counts: Counter[str] = Counter()
    failures = 0
    for number, doubt in enumerate(doubts):
        if is_over():
            return counts + Counter(left=len(doubts) - number, unreadable=number - counts.total())
        try:
            if alike[_identity(ledger, doubt)] > 1:
                outcome = _look_up(ledger, client, doubt, by, None)
            else:
                outcome = _look_up(ledger, client, doubt, by, rivals)
            counts[outcome] += 1
            failures = 0
        except AccountError:
            raise  # no other row, and no other integration, could be looked up
        except IntegrationError as exc:
            log.warning("%s cannot be looked up now: %s", doubt.key.integration_id, exc)
            break
        except (ApiError, ConfigurationError) as exc:
            _pass_over(ledger, doubt, str(exc), is_the_rows_own=_is_the_rows_own(exc))
            failures += 1
        except KomboError:
            raise  # the ledger's above all: what is found could not be stored
        except Exception as exc:  # noqa: BLE001 - one row's records must not end the look-ups of all others
            said = f"what Kombo has of it cannot be read ({type(exc).__name__}); please report this as a bug"
            _pass_over(ledger, doubt, said, is_the_rows_own=True)
            failures += 1
        if failures == FAILURES_IN_ROW:
            break
    return counts + Counter(unreadable=len(doubts) - counts.total())


def _pass_over(ledger: Ledger, doubt: Doubt, said: str, *, is_the_rows_own: bool) -> None:
    log.warning("%s of %s: %s", markdown.plain(doubt.key.applicant_id), doubt.key.integration_id, said)
    # Counted as looked up, it comes last in the next run, and a person may be asked about it.
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
    hits = find(client, doubt, ledger.email_digest)  # before the transaction: Kombo may take minutes to answer
    with ledger.transaction() as conn:
        free = _without_owned(conn, doubt, hits)
        # Of two that may be theirs neither is proven, and a wrong id in the user's table is worse than none.
        is_theirs = len(free) == 1 and _has_no_rival(conn, doubt, rivals)
        if is_theirs and doubt_store.fill_ids(conn, doubt, free[0].ids(), by):
            return "delivered" if doubt.status is Status.IN_DOUBT else "ids filled in"
        doubt_store.looked_up(conn, [doubt.key])
    return "still in doubt" if doubt.status is Status.IN_DOUBT else "ids still missing"


def _without_owned(conn: Connection, doubt: Doubt, hits: Sequence[Found]) -> list[Found]:
    """Leave out applications that another delivery bears already."""
    applications = [(hit.application_id, hit.application_remote_id) for hit in hits]
    owners = delivered_ids.owned(conn, doubt.key.integration_id, applications)
    return [hit for hit in hits if owners.get(hit.application_id) in (None, doubt.key)]


def _has_no_rival(conn: Connection, doubt: Doubt, rivals: Rivals | None) -> bool:
    """Tell whether no other delivery could own what was found for this one."""
    if doubt.ids.kombo_application_id is not None or doubt.ids.kombo_application_remote_id is not None:
        return True  # an id says which application is theirs
    return rivals is not None and not rivals.of(conn, doubt)


def find(client: Reads, doubt: Doubt, digest_of: DigestOf) -> list[Found]:
    """Return the applications at Kombo that are the delivery's by id, or by person, job and time.

    Only an instant after the first request began proves that an application is not an older one of the same person.
    """
    if doubt.ids.kombo_application_id is not None:
        return list(_by_application_id(client, doubt, doubt.ids.kombo_application_id))
    if doubt.ids.kombo_application_remote_id is not None:
        return list(_by_remote_id(client, doubt, doubt.ids.kombo_application_remote_id))
    # By candidate first: that is one page, while a job may have any number of applications.
    hits = list(_by_candidate(client, doubt, digest_of))
    if not hits:
        hits = list(_by_job(client, doubt, digest_of))
    # A candidate may be on two pages, if the list moves while it is read: each application counts once.
    young = {}
    for hit in hits:
        if hit.made_after(doubt.first_sent_at):
            young[hit.application_id] = hit
    return list(young.values())


def _by_application_id(client: Reads, doubt: Doubt, application_id: str) -> Iterator[Found]:
    if "," in application_id:
        return  # Kombo takes a comma for the end of the id
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
    records = client.candidates(doubt.key.integration_id, include_deleted=True, **filters)
    for candidate in _bounded(records, doubt):
        # Read again here: a filter that an integration does not support is skipped, and all records come back.
        if known_id is not None:
            is_theirs = candidate.get("id") == known_id
        else:
            is_theirs = is_about(candidate, doubt, digest_of)
        if not is_theirs:
            continue
        for application in objects(candidate.get("applications")):
            if is_for_job(application, doubt.job_id):
                yield from found(application, candidate)


def _by_job(client: Reads, doubt: Doubt, digest_of: DigestOf) -> Iterator[Found]:
    if doubt.first_sent_at is None:
        return  # without a date a job's whole history would be read
    if "," in doubt.job_id:
        return  # Kombo takes a comma for the end of the id
    if doubt.job_id.startswith(REMOTE):
        job = {"job_remote_ids": [doubt.job_id.removeprefix(REMOTE)]}
    else:
        job = {"job_ids": [doubt.job_id]}
    since = doubt.first_sent_at.date()  # by day: Kombo's filter knows nothing finer (API reference, section 7.2)
    records = client.applications(doubt.key.integration_id, include_deleted=True, remote_created_after=since, **job)
    for application in _bounded(records, doubt):
        candidate = object_of(application.get("candidate"))  # the list has no filter for an address
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
