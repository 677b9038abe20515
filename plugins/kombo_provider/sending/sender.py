"""Sends the `ready` rows of some lanes: threads do HTTP, the calling thread owns the ledger.

Around each request stand two commits: the intent before its first byte, the answer after its last. Both are made in
groups, one transaction for all answers that came in and all rows that may follow them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from queue import Empty, SimpleQueue
from traceback import format_tb
from typing import Protocol

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.errors import LanePausedError, LedgerError
from kombo_provider.ledger import DeliveryKey, Endpoint, Intent, Ledger, Result, Selection, Status
from kombo_provider.sending.decide import BROKEN, WITHDRAWN, decide, forgotten, interrupted, unsendable
from kombo_provider.sending.group_commit import Books, SendOptions
from kombo_provider.sending.lane import Ending, Lane
from kombo_provider.sending.pacing import rate_pause_seconds
from kombo_provider.sending.progress import Progress
from kombo_provider.sending.request import LateBodies, ReadFile, UnreadableFileError, build_body

log = logging.getLogger(__name__)

INTENT_SECONDS = 10.0
"""An intent that is not on the wire so long after its commit is withdrawn."""

WIND_DOWN_SECONDS = 3.0
"""Airflow kills a task about five seconds after asking it to stop."""

_LAST_TRIES_SECONDS = 1.0
_LINGER_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 0.25
_LONGEST_LEDGER_BACKOFF_SECONDS = 15.0


class Creates(Protocol):
    """What the sender needs of a client (see kombo_provider.client.client.KomboClient)."""

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
class _Answer:
    lane: Lane
    intent: Intent
    outcome: Outcome
    result: Result
    answered_at: float


class Sender:
    """Sends one selection of rows on some lanes; setting `stop` ends it within WIND_DOWN_SECONDS."""

    def __init__(
        self,
        ledger: Ledger,
        client: Creates,
        selection: Selection,
        options: SendOptions,
        *,
        stop: threading.Event,
        read_file: ReadFile,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._options = client, options
        self._stop, self._read_file, self._clock = stop, read_file, clock
        self._books = Books(ledger, selection, options, clock)
        self._answers: SimpleQueue[_Answer] = SimpleQueue()
        self._gathered: list[_Answer] = []
        self._unrecorded: list[_Answer] = []
        self._on_wire: dict[DeliveryKey, tuple[Lane, Intent]] = {}
        self._logged: set[DeliveryKey] = set()
        self._ledger_failures = 0
        self._beginning = threading.Lock()
        self._begun: set[DeliveryKey] = set()
        self._late_bodies = LateBodies()
        self._closing = False
        self._bug: BaseException | None = None

    def open(self, integration_ids: Sequence[str]) -> list[Lane]:
        """Take the lanes; those that another process holds end as `Ending.HELD`."""
        return [self._books.open_lane(integration_id) for integration_id in integration_ids]

    def send(self, lanes: Sequence[Lane]) -> None:
        """Send until nothing that is due is left on the open lanes; each says what became of it.

        A failure of the ledger is waited out while answers are unrecorded; LedgerError is raised where nothing is
        on the wire and it lasts longer than the tuning's patience.
        """
        self._lanes = lanes
        open_lanes = [lane for lane in lanes if lane.lease is not None]
        self._progress = Progress(self._clock, self._books.count_ready(open_lanes))
        threads = max(1, len(open_lanes) * self._options.max_in_flight)
        pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="kombo")
        try:
            while not self._stop.is_set() and self._bug is None and self._step(pool):
                pass
        finally:
            self._wind_down(pool)
        if self._bug is not None:
            raise LanePausedError(
                f"An internal error ({type(self._bug).__name__}) stopped the sending; the log names its place. Rows "
                "whose request had not begun stay ready. Report it, then run the DAG again."
            ) from None

    def _step(self, pool: ThreadPoolExecutor) -> bool:
        """Wait for answers, commit them together with the next intents, put those on the wire."""
        self._wait()
        self._take_in_gathered()
        self._give_up_where_nothing_moves()
        claimed = self._commit(claim=not self._stop.is_set())
        self._on_wire.update({intent.key: (lane, intent) for lane, intent in claimed})
        for lane, intent in claimed:
            pool.submit(self._request, lane, intent, self._clock() + INTENT_SECONDS)
        self._progress.maybe_log()
        return bool(self._unrecorded or self._on_wire) or any(lane.ending is None for lane in self._lanes)

    def _wait(self) -> None:
        """Gather an answer, and for a moment those close behind it: one commit serves them all."""
        timeout = self._seconds_to_next_change()
        try:
            first = self._answers.get(timeout=timeout) if timeout > 0 else self._answers.get_nowait()
            self._gathered.append(first)
            until = self._clock() + min(_LINGER_SECONDS, first.outcome.duration_seconds / 100)
            while (left := until - self._clock()) > 0 or not self._answers.empty():
                self._gathered.append(self._answers.get(timeout=max(left, 0.0001)))
        except Empty:
            return

    def _take_in_gathered(self) -> None:
        while self._gathered:
            self._take_in(self._gathered[0])
            del self._gathered[0]

    def _seconds_to_next_change(self) -> float:
        at = self._clock()
        if any(lane.room(at) for lane in self._lanes):
            return 0.0
        changes = [change for lane in self._lanes if (change := lane.next_change(at)) is not None]
        return min([_LONGEST_WAIT_SECONDS, *(change - at for change in changes)])

    def _take_in(self, answer: _Answer) -> None:
        lane, outcome, at = answer.lane, answer.outcome, self._clock()
        self._unrecorded.append(answer)
        self._no_longer_on_wire(answer.intent)
        self._progress.count(answer.result.status)
        news = lane.finished(outcome, answer.result, at, began=answer.answered_at - outcome.duration_seconds)
        if outcome.outcome_class is OutcomeClass.AMBIGUOUS and outcome.http_status is None:
            lane.pace.expect_ghosts([at + self._options.timeout_seconds - outcome.duration_seconds])
        if outcome.outcome_class is OutcomeClass.INTEGRATION and outcome.account_wide:
            for other in self._lanes:
                other.stop(Ending.BLOCKED, lane.code, lane.log_url)
        if (pause := rate_pause_seconds(outcome)) is not None:
            for other in self._lanes:
                other.wait(at + pause)
            self._books.announce_rate_pause(pause)
        if news:
            self._books.announce(lane, outcome)

    def _no_longer_on_wire(self, intent: Intent) -> None:
        """Forget an intent that was answered, but not a later attempt of the same row."""
        _, latest = self._on_wire.get(intent.key, (None, intent))
        if latest.attempt == intent.attempt:
            self._on_wire.pop(intent.key, None)
            self._begun.discard(intent.key)

    def _commit(self, *, claim: bool) -> list[tuple[Lane, Intent]]:
        """Record the answers at hand and claim what may follow; where that fails, keep them and claim nothing."""
        try:
            claimed = self._books.commit([a.result for a in self._unrecorded], self._lanes, self._on_wire, claim=claim)
        except LedgerError as exc:
            self._survive(exc)
            return []
        self._unrecorded.clear()
        self._logged.clear()
        self._ledger_failures = 0
        return claimed

    def _survive(self, exc: LedgerError) -> None:
        self._ledger_failures += 1
        self._log_unrecorded()
        held_up = self._clock() - max(lane.last_progress for lane in self._lanes)
        if not self._unrecorded and not self._on_wire and held_up > self._options.tuning.patience:
            raise exc
        wait = min(_LONGEST_LEDGER_BACKOFF_SECONDS, 0.5 * 2 ** min(self._ledger_failures, 6))
        log.warning("%s. Nothing more is sent meanwhile; trying again in %.0f s.", exc, wait)
        self._stop.wait(wait)

    def _log_unrecorded(self) -> None:
        """Leave a trace of each success that the ledger does not have yet, once: the log may be all that survives."""
        for answer in self._unrecorded:
            if answer.result.status is Status.DELIVERED and answer.intent.key not in self._logged:
                self._logged.add(answer.intent.key)
                _log_success(answer)

    def _give_up_where_nothing_moves(self) -> None:
        at, patience = self._clock(), self._options.tuning.patience + self._options.timeout_seconds
        for lane in self._lanes:
            if lane.ending is None and not lane.in_flight:
                if lane.dry:
                    lane.stop(Ending.DONE)
                elif at - lane.last_progress > patience:
                    lane.stop(Ending.PAUSED)

    def _request(self, lane: Lane, intent: Intent, begin_before: float) -> None:
        """Build and make one request, in a thread of the pool; whatever happens, an answer is queued."""
        outcome, result = WITHDRAWN, forgotten(intent)
        try:
            if intent.payload is not None:
                body = self._late_bodies.pop(intent) or build_body(intent, self._read_file)
                outcome = self._client.create(
                    intent.endpoint,
                    intent.key.integration_id,
                    intent.job_id,
                    body,
                    may_begin=lambda: self._may_begin(lane, intent, begin_before),
                )
                result = decide(intent, outcome)
                if outcome.withdrawn and intent.has_files:
                    self._late_bodies.keep(intent, body)
        except UnreadableFileError as exc:
            result = unsendable(intent, exc.field, exc.problem)
        except BaseException as exc:  # noqa: BLE001 - a fault of ours must not leave the row without an answer
            self._bug = exc
            log.error("Internal error, %s at:\n%s", type(exc).__name__, "".join(format_tb(exc.__traceback__)))  # noqa: TRY400 - its text could quote the row
            outcome = BROKEN if intent.key in self._begun else WITHDRAWN
            result = decide(intent, outcome)
        self._answers.put(_Answer(lane, intent, outcome, result, self._clock()))

    def _may_begin(self, lane: Lane, intent: Intent, begin_before: float) -> bool:
        """The last look before the first byte: nobody stopped us, the intent is fresh, the lane is still ours."""
        with self._beginning:
            stopped = self._closing or self._stop.is_set()
            if stopped or self._clock() >= min(begin_before, lane.lease_until):
                return False
            self._begun.add(intent.key)
            return True

    def _wind_down(self, pool: ThreadPoolExecutor) -> None:
        """Take in what is answered soon, put the rest in doubt, give the lanes back; at most WIND_DOWN_SECONDS."""
        until = self._clock() + WIND_DOWN_SECONDS
        with self._beginning:
            self._closing = True  # from here on no request begins
        pool.shutdown(wait=False)
        for lane in self._lanes:
            lane.stop(Ending.STOPPED)
        try:
            self._take_in_gathered()
            while self._begun and (left := until - self._clock()) > 0:
                self._take_in(self._answers.get(timeout=left))
        except Empty:
            pass
        finally:
            self._unrecorded += [answer for answer in self._gathered if answer not in self._unrecorded]
            for answer in self._unrecorded:
                self._no_longer_on_wire(answer.intent)
            late = [
                interrupted(intent) if intent.key in self._begun else decide(intent, WITHDRAWN)
                for _, intent in self._on_wire.values()
            ]
            self._close([*(answer.result for answer in self._unrecorded), *late])

    def _close(self, results: Sequence[Result]) -> None:
        """Record the last results and give the lanes back; try again as long as Airflow is sure to let us live."""
        until = self._clock() + _LAST_TRIES_SECONDS
        for tries in count(1):
            try:
                self._books.close(results, self._lanes)
            except LedgerError as exc:
                self._log_unrecorded()
                if tries > 1 and self._clock() >= until:
                    log.error("%s. What is on the wire is put in doubt when the lanes' leases have ended.", exc)  # noqa: TRY400 - the traceback adds nothing
                    return
                time.sleep(_LAST_TRIES_SECONDS / 4)
            else:
                return


def _log_success(answer: _Answer) -> None:
    key, ids = answer.intent.key, answer.outcome.ids
    log.error(
        "Delivered, not yet recorded: source %s, integration %s, applicant %s; application %s (%s), candidate %s (%s)",
        *key,
        ids.application_id,
        ids.application_remote_id,
        ids.candidate_id,
        ids.candidate_remote_id,
    )
