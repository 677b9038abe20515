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
from itertools import count
from queue import Empty, SimpleQueue

from kombo_provider.client.outcome import OutcomeClass
from kombo_provider.errors import LanePausedError, LedgerError, LedgerRefusedError
from kombo_provider.ledger import DeliveryKey, Status
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.results import Result
from kombo_provider.sending.decide import NOT_BEGUN, decide, interrupted
from kombo_provider.sending.endings import Ending
from kombo_provider.sending.group_commit import GroupCommit
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.options import SendOptions
from kombo_provider.sending.pacing import rate_pause_seconds
from kombo_provider.sending.progress import Progress
from kombo_provider.sending.requester import Answer, Requester

log = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS = 0.25
_LONGEST_LEDGER_BACKOFF_SECONDS = 15.0


class Sender:
    """Sends on some lanes; setting `stop` ends it within the tuning's `wind_down`, late answers excepted.

    `requester` makes the requests, `group_commit` keeps the ledger; this decides what comes next.
    """

    def __init__(
        self,
        requester: Requester,
        group_commit: GroupCommit,
        options: SendOptions,
        *,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requester, self._group_commit, self._options = requester, group_commit, options
        self._stop, self._clock = stop, clock
        self._answers: SimpleQueue[Answer] = requester.answers
        self._gathered: list[Answer] = []
        self._unrecorded: list[tuple[Answer, Result]] = []
        self._unanswered: dict[DeliveryKey, tuple[Lane, Intent]] = {}
        self._commit_seconds = 0.0
        self._logged: set[DeliveryKey] = set()
        self._ledger_failures = 0

    def send(self, lanes: Sequence[Lane]) -> None:
        """Send until nothing that is due is left on the open lanes, or their turns end; each says what became of it.

        A failure of the ledger is waited out while answers are unrecorded; LedgerError is raised where nothing is
        on the wire and it lasts longer than the tuning's patience.
        """
        self._lanes = lanes
        open_lanes = [lane for lane in lanes if lane.ending is None]
        self._progress = Progress(self._clock, self._group_commit.count_ready(open_lanes))
        threads = max(1, len(open_lanes) * self._options.max_in_flight)
        pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="kombo")
        try:
            while not self._stop.is_set() and self._requester.bug is None and self._step(pool):
                pass
        finally:
            self._wind_down(pool)
        self._record_late_answers()
        if self._requester.bug is not None:
            raise LanePausedError(
                f"An internal error ({type(self._requester.bug).__name__}) stopped the sending; the log names its "
                "place. Rows whose request had not begun stay ready. Report it, then run the DAG again."
            ) from None

    def _step(self, pool: ThreadPoolExecutor) -> bool:
        """Wait for answers, commit them together with the next intents, put those on the wire."""
        self._wait()
        self._take_in_gathered()
        at = self._clock()
        for lane in self._lanes:
            if self._group_commit.has_room():  # a lane that waits for memory is not one that gets nothing through
                lane.give_up_where_nothing_moves(at, self._options.timeout_seconds)
            lane.end_turn(at)
        self._give_back_what_may_not_leave(at)
        claimed = self._commit(claim=not self._stop.is_set())
        if claimed is not None:
            self._put_on_wire(pool, claimed)
        self._progress.on_wire(sum(lane.ahead.on_wire for lane in self._lanes))
        self._progress.maybe_log()
        return bool(self._unrecorded or self._unanswered) or any(lane.ending is None for lane in self._lanes)

    def _wait(self) -> None:
        """Gather answers for one commit, as long as no connection waits for what it brings."""
        timeout = self._seconds_to_next_change()
        try:
            first = self._answers.get(timeout=timeout) if timeout > 0 else self._answers.get_nowait()
        except Empty:
            return
        self._gathered.append(first)
        # Not one answer after the other: each would wake this thread, which costs more than most of them bring.
        if self._requester.hurry.wait(self._options.tuning.gather):
            # An answer seldom comes alone, and those that come during the next commit have to wait for its end.
            time.sleep(min(self._options.tuning.gather, self._commit_seconds / 2))
        self._requester.hurry.clear()  # before the answers are taken: none can slip in between unseen
        while not self._answers.empty():
            self._gathered.append(self._answers.get_nowait())

    def _give_back_what_may_not_leave(self, at: float) -> None:
        """Let the next commit give back the intents that wait on lanes which stop, pause or have become slow."""
        for lane in self._lanes:
            if not lane.holds_back(at):
                continue
            intents = lane.ahead.take_back()
            lane.gave_back(len(intents), at)
            for intent in intents:
                self._unrecorded.append((Answer(lane, intent, NOT_BEGUN, at), decide(intent, NOT_BEGUN)))
                self._no_longer_unanswered(intent)

    def _put_on_wire(self, pool: ThreadPoolExecutor, claimed: Sequence[tuple[Lane, Intent]]) -> None:
        """Begin requests where connections are free; the other intents wait for one."""
        at = self._clock()
        for lane, intent in claimed:
            self._unanswered[intent.key] = lane, intent
            lane.ahead.add(intent, at + self._options.tuning.begin_within)
        for lane in self._lanes:
            for waiting in lane.ahead.begin(lane.limit(at), has_more=lane.has_more(at)):
                pool.submit(self._requester.serve, lane, waiting)

    def _take_in_gathered(self) -> None:
        while self._gathered:
            self._take_in(self._gathered[0])
            del self._gathered[0]

    def _seconds_to_next_change(self) -> float:
        at = self._clock()
        if self._group_commit.has_room() and any(lane.room(at) or lane.is_done for lane in self._lanes):
            return 0.0
        changes = [change for lane in self._lanes if (change := lane.next_change(at)) is not None]
        return min([_LONGEST_WAIT_SECONDS, *(change - at for change in changes)])

    def _take_in(self, answer: Answer) -> None:
        """Learn from an answer: what becomes of its row, of its lane, and of the others."""
        lane, intent, outcome, at = answer.lane, answer.intent, answer.outcome, self._clock()
        result = answer.result or decide(intent, outcome, row_is_to_blame=lane.way.blames_row(intent, outcome))
        self._unrecorded.append((answer, result))
        self._no_longer_unanswered(intent)
        self._progress.count(result.status, outcome)
        self._options.on_answer(outcome.duration_seconds)
        began = answer.answered_at - outcome.duration_seconds
        notice = lane.finished(intent, outcome, result.status, at, began=began)
        if outcome.outcome_class is OutcomeClass.AMBIGUOUS and outcome.http_status is None:
            lane.pace.expect_unanswered([at + self._options.timeout_seconds - outcome.duration_seconds])
        if outcome.outcome_class is OutcomeClass.INTEGRATION and outcome.account_wide:
            for other in self._lanes:
                other.stop(Ending.BLOCKED, lane.code, lane.log_url)
        if (pause := rate_pause_seconds(outcome)) is not None:
            for other in self._lanes:
                other.wait(at + pause)
            self._group_commit.announce_rate_pause(pause)
        if notice is not None:
            self._group_commit.announce(notice)

    def _no_longer_unanswered(self, intent: Intent) -> None:
        """Forget an intent that was answered or given back, but not a later attempt of the same row."""
        _, latest = self._unanswered.get(intent.key, (None, intent))
        if latest.attempt == intent.attempt:
            self._unanswered.pop(intent.key, None)
            self._group_commit.answered(intent)
            self._requester.begun.discard(intent.key)

    def _commit(self, *, claim: bool) -> list[tuple[Lane, Intent]] | None:
        """Record the answers at hand and claim what may follow; None where that fails: then they are kept."""
        results = [result for _, result in self._unrecorded]
        began = self._clock()
        try:
            if claim:
                self._ask_for_lanes()
            claimed = self._group_commit.commit(results, self._lanes, self._unanswered, claim=claim)
        except LedgerError as exc:
            self._survive(exc)
            return None
        if results:
            self._commit_seconds = self._clock() - began
        self._unrecorded.clear()
        self._logged.clear()
        self._ledger_failures = 0
        return claimed

    def _ask_for_lanes(self) -> None:
        """Take lanes that other processes held, where they gave them back."""
        at = self._clock()
        for lane in self._lanes:
            if lane.wants_to_ask(at):
                self._group_commit.ask_again(lane)

    def _survive(self, exc: LedgerError) -> None:
        for lane in self._lanes:
            lane.ahead.hold()
        self._ledger_failures += 1
        self._log_unrecorded()
        if isinstance(exc, LedgerRefusedError):  # a text of Kombo's may be what the database cannot hold
            self._unrecorded = [(answer, result.without_texts()) for answer, result in self._unrecorded]
        held_up = self._clock() - max(lane.last_progress for lane in self._lanes)
        if not self._unrecorded and not self._unanswered and held_up > self._options.tuning.patience:
            raise exc
        wait = min(_LONGEST_LEDGER_BACKOFF_SECONDS, 0.5 * 2 ** min(self._ledger_failures, 6))
        log.warning("%s. Nothing more is sent meanwhile; trying again in %.0f s.", exc, wait)
        self._stop.wait(wait)

    def _log_unrecorded(self) -> None:
        """Leave a trace of each success that the ledger does not have yet, once: the log may be all that survives."""
        for answer, result in self._unrecorded:
            if result.status is Status.DELIVERED and result.intent.key not in self._logged:
                self._logged.add(result.intent.key)
                _log_success(answer)

    def _wind_down(self, pool: ThreadPoolExecutor) -> None:
        """Take in what is answered soon, put the rest in doubt, give the lanes back: as if the process died now."""
        until = self._clock() + self._options.tuning.wind_down
        self._requester.begin_no_more()
        pool.shutdown(wait=False)
        for lane in self._lanes:
            lane.ahead.hold()
            lane.stop(Ending.STOPPED)
        try:
            self._take_in_gathered()
            while self._requester.begun and (left := until - self._clock()) > 0:
                self._take_in(self._answers.get(timeout=left))
        except Empty:
            pass
        finally:
            begun = self._requester.begun
            unanswered = [intent for _, intent in self._unanswered.values()]
            given_up = [
                interrupted(intent) if intent.key in begun else decide(intent, NOT_BEGUN) for intent in unanswered
            ]
            self._close([*(result for _, result in self._unrecorded), *given_up])

    def _close(self, results: Sequence[Result]) -> None:
        """Record the last results and give the lanes back; try again as long as Airflow is sure to let us live."""
        last_tries = self._options.tuning.last_tries
        until = self._clock() + last_tries
        for tries in count(1):
            try:
                self._group_commit.close(results, self._lanes)
            except LedgerError as exc:
                self._log_unrecorded()
                if isinstance(exc, LedgerRefusedError):
                    results = [result.without_texts() for result in results]
                if tries > 1 and self._clock() >= until:
                    log.error("%s. What is on the wire is put in doubt when the lanes' leases have ended.", exc)  # noqa: TRY400 - the traceback adds nothing
                    return
                time.sleep(last_tries / 4)
            else:
                return

    def _record_late_answers(self) -> None:
        """Wait for what is on the wire as long as this process lives: a late answer ends its row's doubt."""
        if not self._requester.begun:
            return
        log.info("%d requests are still on the wire: waiting for their answers", len(self._requester.begun))
        until = self._clock() + min(self._options.timeout_seconds, self._options.tuning.late_answers)
        while self._requester.begun and (left := until - self._clock()) > 0:
            try:
                answer = self._answers.get(timeout=left)
            except Empty:
                return
            self._no_longer_unanswered(answer.intent)
            self._record_late(answer)

    def _record_late(self, answer: Answer) -> None:
        result = answer.result or decide(answer.intent, answer.outcome)
        try:
            self._group_commit.record_late([result])
        except LedgerError as exc:
            log.warning("%s. The row stays in doubt.", exc)
            if result.status is Status.DELIVERED:
                _log_success(answer)


def _log_success(answer: Answer) -> None:
    key, ids = answer.intent.key, answer.outcome.ids
    log.error(
        "Delivered, not yet recorded: source %s, integration %s, applicant %s; application %s (%s), candidate %s (%s)",
        *key,
        ids.application_id,
        ids.application_remote_id,
        ids.candidate_id,
        ids.candidate_remote_id,
    )
