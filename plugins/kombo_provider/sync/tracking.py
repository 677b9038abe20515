"""Applications that an earlier tool made go onto Kombo's tracking list, so that their statuses come back as well.

Kombo takes them for some ATSs only, each by its own ids (API reference, section 8).
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import Protocol

from kombo_provider.errors import AccountError, ApiError, IntegrationError
from kombo_provider.ledger import Ledger, tracking
from kombo_provider.ledger.tracking import Untracked

log = logging.getLogger(__name__)

AT_MOST = 500
"""Applications of one integration that one run puts on the list: each is a request."""

_BY_APPLICATION = {
    "greenhouse": ("application_id", "application_id"),
    "greenhousev3": ("application_id", "application_id"),
    "onlyfy": ("application_id", "application_id"),
    "recruitee": ("placement_id", "placement_id"),
    "successfactors": ("application_remote_id", "application_remote_id"),
}
"""ATSs that know an application by its own id: the name of the kind of id, and the field that holds it."""


class Tracks(Protocol):
    """What this needs of a client (see kombo_provider.client.client.KomboClient)."""

    def import_tracked_application(self, integration_id: str, body: bytes) -> None:
        """Put an application on the list."""


def track(ledger: Ledger, client: Tracks, integration_id: str) -> Counter[str]:
    """Ask Kombo once for each application; one that it refuses is remembered with the code, and keeps no other."""
    with ledger.transaction() as conn:
        waiting = tracking.untracked(conn, integration_id, AT_MOST)
    counts: Counter[str] = Counter()
    for application in waiting:
        body = request_body(integration_id, application)
        if body is None:
            continue
        code = None
        try:
            client.import_tracked_application(integration_id, body)
        except (AccountError, IntegrationError):
            raise
        except ApiError as exc:
            # Not an answer about this application: it is asked for again by the next run.
            if exc.http_status is None or exc.http_status >= 500 or exc.http_status == 429:
                raise
            code = exc.code or f"HTTP {exc.http_status}"
        # After each: the run after one that was killed asks again for one application at most.
        with ledger.transaction() as conn:
            tracking.asked_to_track(conn, integration_id, application.application_remote_id, code)
        if code is None:
            counts["tracked"] += 1
        else:
            counts["not_trackable"] += 1
    return counts


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
