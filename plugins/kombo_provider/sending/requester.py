"""Makes requests in threads of their own; whatever happens, each has its answer queued."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from traceback import format_tb
from typing import Protocol

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.ledger import DeliveryKey, Endpoint
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.results import Result
from kombo_provider.sending.ahead import Waiting
from kombo_provider.sending.body_memory import BodyMemory
from kombo_provider.sending.decide import BROKEN, NOT_BEGUN, foretold, forgotten, unsendable
from kombo_provider.sending.file_reads import FileReads
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.preflight import JOB_CLOSED
from kombo_provider.sending.request import LateBodies, UnreadableFileError, build_body

log = logging.getLogger(__name__)


class Creates(Protocol):
    """What the sending needs of a client (see kombo_provider.client.client.KomboClient)."""

    def create(
        self,
        endpoint: Endpoint,
        integration_id: str,
        job_id: str,
        body: bytes,
        *,
        may_begin: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Make one request and say what became of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request came to; `result` is set where that is known without its outcome."""

    lane: Lane
    intent: Intent
    outcome: Outcome
    answered_at: float
    result: Result | None = None


class Requester:
    """Builds bodies and makes requests, safely from many threads.

    `begun` are the keys whose request may have left. `bug` is a fault of ours, which ends the sending. `hurry` is set
    where an answer should not wait for others to be taken in with it.
    """

    def __init__(
        self,
        client: Creates,
        files: FileReads,
        memory: BodyMemory,
        *,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._files, self._memory = client, files, memory
        self._stop, self._clock = stop, clock
        self._late_bodies = LateBodies()
        self._beginning = threading.Lock()
        self._closed = False
        self.answers: SimpleQueue[Answer] = SimpleQueue()
        self.hurry = threading.Event()
        self.begun: set[DeliveryKey] = set()
        self.bug: BaseException | None = None

    def begin_no_more(self) -> None:
        """From here on no request begins."""
        with self._beginning:
            self._closed = True

    def serve(self, lane: Lane, waiting: Waiting | None) -> None:
        """Make a lane's requests, one after another, as long as the next one may follow at once."""
        while waiting is not None:
            answer = self._request(lane, waiting)
            self.answers.put(answer)
            waiting = lane.ahead.follow(answer.outcome)
        if lane.ahead.needs_sender:
            self.hurry.set()

    def _request(self, lane: Lane, waiting: Waiting) -> Answer:
        """Make the intent's request, if it begins in time; whatever happens, there is an answer."""
        intent = waiting.intent
        outcome, result = NOT_BEGUN, None
        try:
            if intent.payload is None:
                result = forgotten(intent)
            elif intent.job_id in lane.facts.closed_job_ids:
                result = foretold(intent, JOB_CLOSED)
            else:
                outcome = self._create(lane, intent, waiting.begin_before)
        except UnreadableFileError as exc:
            result = unsendable(intent, exc.field, exc.problem)
        except BaseException as exc:  # noqa: BLE001 - a fault of ours must not leave the row without an answer
            self.bug = exc
            log.error("Internal error, %s at:\n%s", type(exc).__name__, "".join(format_tb(exc.__traceback__)))  # noqa: TRY400 - its text could quote the row
            outcome = BROKEN if intent.key in self.begun else NOT_BEGUN
        return Answer(lane, intent, outcome, self._clock(), result)

    def _create(self, lane: Lane, intent: Intent, begin_before: float) -> Outcome:
        body = self._late_bodies.pop(intent) or build_body(intent, self._files.for_row(), lane.facts.limits)
        self._memory.built(intent, body)
        outcome = self._client.create(
            intent.endpoint,
            intent.key.integration_id,
            intent.job_id,
            body,
            may_begin=lambda: self._may_begin(lane, intent, begin_before),
        )
        # To read and encode them took longer than an intent keeps: without this the row would be late for ever.
        if outcome.outcome_class is OutcomeClass.NOT_BEGUN and intent.has_files:
            self._late_bodies.keep(intent, body)
        return outcome

    def _may_begin(self, lane: Lane, intent: Intent, begin_before: float) -> bool:
        """The last look before the first byte: nobody stopped us, the intent is fresh, the lane is still ours."""
        # Under one lock with `begin_no_more`: whoever closes knows every request that has begun, and none begins after.
        with self._beginning:
            stopped = self._closed or self._stop.is_set()
            if stopped or self._clock() >= min(begin_before, lane.lease_until):
                return False
            self.begun.add(intent.key)
            return True
