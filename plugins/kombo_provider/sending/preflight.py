"""What Kombo says of a lane before anything is sent: asked once per lane and task, in a few reads.

A lane that stands still goes on only if Kombo says that it works. Of the others none is stopped that Kombo does not
clearly refuse: where a read fails or an answer is not understood, rows are sent.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from kombo_provider.client.job_lookup import JobLookup
from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.errors import KomboError
from kombo_provider.ledger.waiting import Waiting
from kombo_provider.sending.attachment_limits import NOT_TOLD, AttachmentLimits, limits_of

log = logging.getLogger(__name__)

_LANES_AT_ONCE = 8
_JOB_REQUESTS = 10
_CLOSED = ("CLOSED", "ARCHIVED")
_ACTIONS: Final = {"application": "ats_create_application", "candidate": "ats_create_candidate"}
_NOT_BUILT = ("UNSUPPORTED", "NOT_IMPLEMENTED")

JOB_CLOSED: Final = Outcome(
    OutcomeClass.REJECTED,
    error_code="ATS.JOB_CLOSED",
    error_title="Kombo lists the job as closed",
    error_message="GET /ats/jobs says that the job takes no applications; nothing was sent.",
)
"""Stands for the answer to a create for a job that is known to be closed."""


class Reads(Protocol):
    """What the pre-flight needs of a client (see kombo_provider.client.client.KomboClient)."""

    def integration(self, integration_id: str) -> dict[str, Any]:
        """Return `GET /integrations/{integration_id}`."""

    def attachment_restrictions(self, integration_id: str) -> dict[str, Any]:
        """Return what the ATS takes as attachments, {} if unknown."""

    def jobs(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield jobs from Kombo's own database."""


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """What Kombo said of one lane: a code under which it refuses every create, closed jobs, what files may be.

    Where it `may_be_refused`, one request finds out.
    """

    refused_as: str | None = None
    may_be_refused: bool = False
    closed_job_ids: frozenset[str] = frozenset()
    limits: AttachmentLimits = NOT_TOLD


NOTHING_TOLD: Final = LaneFacts()


class Preflight:
    """Asks about lanes, several at a time; `within` is for how many seconds reads are begun.

    The client's own timeout bounds a single read.
    """

    def __init__(self, client: Reads, *, within: float = 20.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._within, self._clock = client, within, clock
        of_all_threads = _LANES_AT_ONCE * within
        self._jobs = JobLookup(client, budget=of_all_threads, requests_per_integration=_JOB_REQUESTS, clock=clock)
        self._until = float("inf")

    def look(self, waiting: Mapping[str, Waiting]) -> dict[str, LaneFacts]:
        """Return what Kombo says of the lanes on which rows wait."""
        if not waiting:
            return {}
        self._until = self._clock() + self._within
        with ThreadPoolExecutor(min(_LANES_AT_ONCE, len(waiting)), thread_name_prefix="kombo-preflight") as pool:
            return dict(zip(waiting, pool.map(self._look_at, waiting, waiting.values()), strict=True))

    def working(self, stopped: Mapping[str, Waiting]) -> set[str]:
        """Return those of the lanes that stand still of which Kombo says in time that one request may try."""
        if not stopped:
            return set()
        self._until = self._clock() + self._within
        # In any order: those that never answer are not the first of each run, to use up the time of the others.
        names = random.sample(list(stopped), len(stopped))
        with ThreadPoolExecutor(min(_LANES_AT_ONCE, len(names)), thread_name_prefix="kombo-preflight") as pool:
            work = pool.map(lambda name: self._works(name, stopped[name].endpoints), names)
            return {name for name, works in zip(names, work, strict=True) if works}

    def _works(self, integration_id: str, endpoints: Collection[str]) -> bool:
        """Ask Kombo for the integration: active, set up and able to create means that one request may try."""
        if self._clock() >= self._until:
            log.warning("Integration %s stays stopped: there was no time to ask for it", integration_id)
            return False
        try:
            integration = self._client.integration(integration_id)
        except KomboError as exc:
            log.warning("Integration %s stays stopped: %s", integration_id, exc)
            return False
        status, setup = integration.get("status"), integration.get("setup_status")
        if (code := refusal(integration, endpoints)) is not None:
            log.warning("Integration %s stays stopped: Kombo would refuse it as %s", integration_id, code)
            return False
        if status in (None, "ACTIVE") and setup in (None, "COMPLETED"):
            return True
        log.warning("Integration %s stays stopped: Kombo says status %.60r, setup %.60r", integration_id, status, setup)
        return False

    def _look_at(self, integration_id: str, what: Waiting) -> LaneFacts:
        integration = self._read(self._client.integration, integration_id)
        if integration is None:
            return NOTHING_TOLD  # then further reads would only cost time
        code = refusal(integration, what.endpoints)
        if code is not None:
            return LaneFacts(refused_as=code)
        restrictions = self._read(self._client.attachment_restrictions, integration_id)
        return LaneFacts(
            # The status follows from syncs that the ATS refused (Kombo docs: hris/guides/integration-states).
            may_be_refused=integration.get("status") == "INVALID",
            closed_job_ids=self._closed(integration_id, what.job_ids),
            limits=limits_of(restrictions) if restrictions else NOT_TOLD,
        )

    def _read(self, read: Callable[[str], dict[str, Any]], integration_id: str) -> dict[str, Any] | None:
        """Return what Kombo says, None where it does not."""
        if self._clock() >= self._until:
            return None
        try:
            return read(integration_id)
        except KomboError as exc:
            log.info("%s: not told before sending, so rows are sent: %s", integration_id, exc)
            return None

    def _closed(self, integration_id: str, job_ids: Collection[str]) -> frozenset[str]:
        if self._clock() >= self._until:
            return frozenset()
        found = self._jobs.find(integration_id, job_ids)
        return frozenset(name for name, job in found.items() if job and job.get("status") in _CLOSED)


def refusal(integration: Mapping[str, Any], endpoints: Collection[str]) -> str | None:
    """Return the code under which Kombo would refuse every create of these endpoints, None where it may take them.

    Whether creates work before the first sync has ended is not documented, so they are sent then.
    """
    if integration.get("status") == "INACTIVE":
        return "INTEGRATION.INACTIVE"
    if integration.get("setup_status") == "INCOMPLETE":
        return "INTEGRATION.SETUP_INCOMPLETE"
    actions = integration.get("write_actions")
    if not isinstance(actions, list):
        actions = []
    listed: dict[str, Mapping[str, Any]] = {}
    for action in actions:
        if isinstance(action, dict) and isinstance(action.get("id"), str):
            listed[action["id"]] = action
    codes: list[str] = []
    for endpoint in endpoints:
        code = _action_refusal(listed.get(_ACTIONS.get(endpoint, ""), {}))
        if code is None:
            return None  # creates by this endpoint may work
        codes.append(code)
    return min(codes, default=None)


def _action_refusal(action: Mapping[str, Any]) -> str | None:
    """Return why an action is not available; one that may be, or that is refused for no known reason, is tried."""
    if action.get("is_available") is True:
        return None
    if action.get("scope_config_setting") == "DISABLED" or action.get("opted_out_by_customer") is True:
        return "INTEGRATION.ACTION_DISABLED"
    return "INTEGRATION.ACTION_NOT_AVAILABLE" if action.get("coverage_status") in _NOT_BUILT else None
