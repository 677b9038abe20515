"""Applications that an earlier tool made go onto Kombo's tracking list, so that their statuses come back as well.

Kombo takes them for some ATSs only, each by its own ids (API reference, section 8).
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from kombo_provider.client.codes import CLASS_OF_CODE, OutcomeClass, class_of_status
from kombo_provider.errors import AccountError, ApiError, IntegrationError
from kombo_provider.ledger import Ledger, tracking
from kombo_provider.ledger.tracking import Needs, Untracked

log = logging.getLogger(__name__)

AT_MOST = 500
"""Applications of one integration that one run puts on the list: each is a request."""

FAILURES_IN_ROW = 3
"""So many, and the next run goes on, behind those that failed."""

_BY_APPLICATION = {
    "greenhouse": ("application_id", "application_id"),
    "greenhousev3": ("application_id", "application_id"),
    "onlyfy": ("application_id", "application_id"),
    "recruitee": ("placement_id", "placement_id"),
    "successfactors": ("application_remote_id", "application_remote_id"),
}
"""ATSs that know an application by its own id: the name of the kind of id, and the field that holds it."""


_NEEDED: Mapping[str, Needs] = {
    **dict.fromkeys(_BY_APPLICATION, "application"),
    "erecruiter": "application, candidate or job",
    "smartrecruiters": "application, candidate and job",
}


class Tracks(Protocol):
    """What this needs of a client (see kombo_provider.client.client.KomboClient)."""

    def import_tracked_application(self, integration_id: str, body: bytes) -> None:
        """Put an application on the list."""


def track(ledger: Ledger, client: Tracks, integration_id: str) -> Counter[str]:
    """Ask Kombo once for each application; return how many it tracks, and refuses (`not_trackable`).

    Raises AccountError. Whatever else fails is counted (`track_later`) and tried again by a later run.
    """
    needs = _NEEDED.get(integration_id.partition(":")[0])
    if needs is None:
        return Counter()
    with ledger.transaction() as conn:
        waiting = tracking.untracked(conn, integration_id, AT_MOST, needs)
    counts: Counter[str] = Counter()
    failures = 0
    for application in waiting:
        body = request_body(integration_id, application)
        if body is None:
            continue
        try:
            answer = _ask(ledger, client, integration_id, application.application_remote_id, body)
        except AccountError:
            raise
        except IntegrationError as exc:
            log.warning("%s: its applications go onto no tracking list now: %s", integration_id, exc)
            counts["track_later"] += 1
            break
        counts[answer] += 1
        failures += 1
        if answer != "track_later":
            failures = 0
        if failures == FAILURES_IN_ROW:
            break
    return counts


def _ask(ledger: Ledger, client: Tracks, integration_id: str, remote_id: str, body: bytes) -> str:
    """Ask for one and remember the answer: the run after one that was killed asks again for one at most."""
    try:
        client.import_tracked_application(integration_id, body)
    except (AccountError, IntegrationError):
        raise
    except ApiError as exc:
        with ledger.transaction() as conn:
            if _is_about_the_application(exc):
                tracking.asked_to_track(conn, integration_id, remote_id, exc.code)
                return "not_trackable"
            tracking.failed_to_track(conn, integration_id, remote_id, _what(exc))
        log.warning("%s: an application is to go onto the tracking list later: %s", integration_id, exc)
        return "track_later"
    with ledger.transaction() as conn:
        tracking.asked_to_track(conn, integration_id, remote_id, None)
    return "tracked"


def _what(exc: ApiError) -> str:
    if exc.http_status is None:
        return "no answer"
    return exc.code or f"HTTP {exc.http_status}"


def _is_about_the_application(exc: ApiError) -> bool:
    """Tell whether Kombo itself refuses it for good: a gateway's page has no code, and says nothing of it."""
    if exc.code is None or exc.http_status is None:
        return False
    known = CLASS_OF_CODE.get(exc.code) or class_of_status(exc.http_status)
    return known is OutcomeClass.REJECTED


def request_body(integration_id: str, application: Untracked) -> bytes | None:
    """Return the request's body, None for an ATS that takes none or where an id it needs is not known."""
    tool = integration_id.partition(":")[0]
    named = _ids(tool, application)
    if named is None:
        return None
    return json.dumps({"tracked_at": None, tool: named}, separators=(",", ":")).encode()


def _ids(tool: str, application: Untracked) -> dict[str, str] | None:
    """Return the ids that Kombo takes of an ATS's application, None where it takes none or one is not known."""
    application_id = application.application_remote_id
    candidate_id = application.candidate_remote_id
    job_id = application.job_remote_id
    if tool in _BY_APPLICATION:
        kind, field = _BY_APPLICATION[tool]
        return {"id_type": kind, field: application_id}
    if tool == "erecruiter" and job_id:
        kind = "application_and_job_remote_ids"
        return {"id_type": kind, "application_remote_id": application_id, "job_remote_id": job_id}
    if tool == "erecruiter" and candidate_id:
        kind = "application_and_candidate_remote_ids"
        return {"id_type": kind, "application_remote_id": application_id, "candidate_remote_id": candidate_id}
    if tool == "smartrecruiters" and candidate_id and job_id:
        kind = "candidate_and_job_remote_ids"
        return {"id_type": kind, "candidate_remote_id": candidate_id, "job_remote_id": job_id}
    return None
