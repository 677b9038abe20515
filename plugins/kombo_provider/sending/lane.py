"""One lane while this process holds it: what is in flight, how fast it may go, and why it stopped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.ledger import LaneState, Status
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.lane_states import LaneStatus
from kombo_provider.ledger.leases import HeldTurn, Lease
from kombo_provider.sending.ahead import Ahead
from kombo_provider.sending.due_rows import DueRows
from kombo_provider.sending.endings import Ending, Notice
from kombo_provider.sending.lateness import Lateness
from kombo_provider.sending.options import Tuning
from kombo_provider.sending.outage import DoubtsInRow
from kombo_provider.sending.pacing import Breaker, Pace
from kombo_provider.sending.preflight import NOTHING_TOLD, LaneFacts
from kombo_provider.sending.turns import Turns
from kombo_provider.sending.way import Way


@dataclass(slots=True)
class Lane:
    """A lane of this task, held if it has a lease; `lease_until` is this process's clock, before the lease's end.

    All times are seconds of that clock.
    """

    integration_id: str
    lease: Lease | None
    lease_until: float
    pace: Pace
    breaker: Breaker
    tuning: Tuning
    turns: Turns = field(init=False)
    way: Way = field(init=False)
    facts: LaneFacts = NOTHING_TOLD
    opened_to_probe: bool = False
    """The first answer decides whether the lane goes on in this task."""
    limit_noted: int | None = None
    last_progress: float = 0.0
    ahead: Ahead = field(default_factory=Ahead)
    unanswered: int = 0
    """Intents that were committed and have no answer yet, those that wait for a connection among them."""
    rate_limited: int = 0
    ending: Ending | None = None
    code: str | None = None
    log_url: str | None = None
    outcomes: Counter[Status] = field(default_factory=Counter)
    due: DueRows = field(init=False)
    _held_until: float = 0.0
    _doubts: DoubtsInRow = field(default_factory=DoubtsInRow)
    _lateness: Lateness = field(default_factory=Lateness)

    def __post_init__(self) -> None:
        self.turns = Turns(self.tuning)
        self.due = DueRows(self.tuning)
        self.way = Way(self.tuning.rows_that_blame_the_way)

    @property
    def in_flight(self) -> int:
        """How many requests are on the wire, or were answered and not taken in yet."""
        return self.unanswered - len(self.ahead)

    def limit(self, now: float) -> int:
        """How many requests may be on the wire at once."""
        if self.lease is None or self.is_ending or now < self._held_until:
            return 0
        # What is in doubt and what is on the wire share one cap, so that an outage costs no more than that.
        limit = min(self.pace.limit(now), self.pace.cap - self._doubts.number)
        probes = self.breaker.limit(now)
        if probes is not None:
            limit = min(limit, probes)
        return max(0, limit)

    def room(self, now: float) -> int:
        """How many rows may be claimed now to be sent at once."""
        if not self.has_more(now):
            return 0
        return max(0, self.limit(now) - self.in_flight)

    def claimable(self, now: float) -> int:
        """How many rows may be claimed now, those among them that have to wait for a connection."""
        if not self.has_more(now):
            return 0
        limit = self.limit(now)
        return max(0, limit + self._worth_waiting(limit) - self.unanswered)

    def has_more(self, now: float) -> bool:
        """Tell whether the lane may have rows that are due, as far as is known."""
        return now >= self.due.look_again_at

    def _worth_waiting(self, limit: int) -> int:
        """How many intents to commit ahead: none while requests fail or only a probe may leave, to be given back."""
        if self._doubts.number or self.breaker.probing:
            return 0
        return self.pace.answers_within(self.tuning.ahead, limit)

    def holds_back(self, now: float) -> bool:
        """Tell whether what waits for a connection has to be given back: it may not leave, or has waited too long."""
        return len(self.ahead) > 0 and (self.limit(now) == 0 or self.ahead.is_stale(now))

    def gave_back(self, intents: int, now: float) -> None:
        """Count intents that waited for a connection and are given back; how long requests take is no longer known."""
        self.unanswered -= intents
        self.pace.forget_usual_seconds()
        self.due.came_back(now)

    @property
    def is_ending(self) -> bool:
        """Tell whether no more rows are taken, in this task or until others were on the lane."""
        return self.ending is not None or self.turns.gives_way

    @property
    def is_over(self) -> bool:
        """Tell whether others may have the lane: it takes no more rows, and nothing is on the wire."""
        return self.lease is not None and self.is_ending and not self.unanswered

    @property
    def is_done(self) -> bool:
        """Tell whether all rows that are due were sent and answered."""
        return self._rests and self.due.none_in_time

    @property
    def _rests(self) -> bool:
        """Tell whether the lane is ours, goes on, and has nothing on the wire."""
        return self.lease is not None and not self.is_ending and not self.unanswered

    def idles(self, now: float) -> bool:
        """Tell whether it is time to look if the lane, which may send nothing now, has anything left to send at all."""
        if not self._rests or self.due.none_in_time or self.room(now):
            return False
        return self.due.is_look_due(now)

    def next_change(self, now: float) -> float | None:
        """When room may grow without any answer."""
        times = (self.pace.next_change(now), self.due.look_again_at, self._held_until, self.breaker.paused_until)
        return min((at for at in times if at and at > now), default=None)

    # What the ledger tells.

    def renewed(self, until: float) -> None:
        """The lease was extended."""
        self.lease_until = until

    def lost(self) -> None:
        """The lease is another process's."""
        if not self.turns.gives_way:
            self.stop(Ending.LOST)
        self.lease = None

    def given_back(self) -> None:
        """Others may have the lane now; one that gave way is waited for."""
        self.lease = None

    def wants_to_ask(self, now: float) -> bool:
        """Tell whether it is time to ask for the lane, which another process holds."""
        return self.lease is None and self.ending is None and self.turns.wants_to_ask(now)

    def asked_in_vain(self, now: float, *, soon: bool, held: HeldTurn | None = None) -> None:
        """Another process holds the lane still, perhaps only for a moment."""
        if not self.turns.keep_asking(now, soon=soon, held=held):
            self.stop(Ending.HELD)

    def taken(self, lease: Lease, now: float) -> None:
        """Send on the lane, for the first time or after others."""
        self.lease, self.last_progress = lease, now
        self.lease_until = now + self.tuning.lease - self.tuning.lease_margin
        self.turns.taken(now, lease.turn_seconds)

    def follow(self, status: LaneStatus, at: datetime, now: float) -> None:
        """Do what another process, or a person, decided about the lane or its whole connection."""
        if status.state is LaneState.DRAINED:
            self.stop(Ending.DRAINED)
        elif status.state is LaneState.STOPPED:
            self.stop(Ending.HALTED, status.code)
        elif status.state is LaneState.BLOCKED:
            self.stop(Ending.BLOCKED, status.code, status.log_url)
        elif status.paused_until is not None and status.pause_lasts(at):
            self.wait(now + (status.paused_until - at).total_seconds())

    # What the requests tell.

    def started(self) -> None:
        """Count an intent that was committed."""
        self.unanswered += 1

    def finished(self, intent: Intent, outcome: Outcome, status: Status, now: float, *, began: float) -> Notice | None:
        """Take in the answer to a request that began at a time; return what other processes should hear of it."""
        was_probing = self.breaker.probing
        # Before it is counted: how many were on the wire together is what a refusal for concurrency is about.
        self.pace.on_outcome(outcome, self.in_flight, now)
        paused = self.breaker.on_outcome(outcome, now, began=began)
        self._count(outcome, status, now)
        blocked = True
        if outcome.outcome_class is OutcomeClass.INTEGRATION:
            self.stop(Ending.BLOCKED, outcome.label, outcome.log_url)
        else:
            if paused:
                self.code, self.log_url = outcome.label, outcome.log_url
            blocked = self._stop_where_the_way_is_closed(intent, outcome, status)
        if self._pause_in_an_outage(outcome, now, began):
            paused = True
        settled_unsent = outcome.outcome_class is OutcomeClass.NOT_BEGUN and status is not Status.READY
        if not settled_unsent:
            self._note_whether_late(outcome, now)
        reopened = was_probing and not self.breaker.probing
        if not (paused or reopened or blocked):
            return None
        return self._notice(now, blocked=blocked, account_wide=outcome.account_wide)

    def _count(self, outcome: Outcome, status: Status, now: float) -> None:
        self.unanswered -= 1
        self.outcomes[status] += 1
        self.rate_limited += outcome.http_status == 429
        if status is Status.READY:
            self.due.came_back(now)
        elif status is not Status.IN_DOUBT:
            self.last_progress = now

    def _stop_where_the_way_is_closed(self, intent: Intent, outcome: Outcome, status: Status) -> bool:
        """Stop the lane where something on the way refuses every request; tell whether."""
        if not self.way.take_in(intent, outcome, status):
            return False
        self.stop(Ending.WAY, f"HTTP {outcome.http_status}", outcome.log_url)
        return True

    def _pause_in_an_outage(self, outcome: Outcome, now: float, began: float) -> bool:
        """Stop the lane after one cap's worth of doubt in a row, or one probe's; tell whether.

        A later try probes it.
        """
        if outcome.outcome_class is not OutcomeClass.AMBIGUOUS:
            if self._doubts.end(outcome.outcome_class, began=began):
                self.opened_to_probe = False
            return False
        self._doubts.add(now)
        # A try at a lane that was found stopped is over with its first doubt (contract, P5).
        enough = 1 if self.opened_to_probe else self.pace.cap
        if self.ending is not None or self._doubts.number < enough:
            return False
        self.breaker.outage(now)
        self.stop(Ending.PAUSED, outcome.label, outcome.log_url)
        return True

    def _note_whether_late(self, outcome: Outcome, now: float) -> None:
        """Wait longer each time that an intent came too late for the wire."""
        if outcome.outcome_class is not OutcomeClass.NOT_BEGUN:
            self._lateness.end()
        elif now >= self._held_until:  # one wave of them is one
            self.wait(now + self._lateness.next_wait())

    def _notice(self, now: float, *, blocked: bool, account_wide: bool) -> Notice:
        pause = self.breaker.paused_until - now if self.breaker.probing else 0.0
        state = LaneState.PAUSED if pause > 0 else LaneState.OPEN
        return Notice(
            integration_id=self.integration_id,
            state=LaneState.BLOCKED if blocked else state,
            code=self.code,
            log_url=self.log_url,
            pause_seconds=max(0.0, pause),
            pauses=self.breaker.pauses,
            account_wide=account_wide,
        )

    def give_up_where_nothing_moves(self, now: float, timeout_seconds: float) -> None:
        """End the lane where it has nothing left, or got nothing through for longer than anyone should wait."""
        if self.is_done:
            self.stop(Ending.DONE)
        elif self._rests and now - self.last_progress > self.tuning.patience + timeout_seconds:
            self.stop(Ending.PAUSED)

    def end_turn(self, now: float) -> None:
        """Leave what is left once the turn is over; a lane that is paused, or not proven since, is no less paused."""
        if not self.turns.is_over(now):
            return
        if self.lease is None:
            self.stop(Ending.HELD)
        self.stop(Ending.PAUSED if self.breaker.limit(now) is not None else Ending.LEFT)

    def wait(self, until: float) -> None:
        """Claim nothing before a time."""
        self._held_until = max(self._held_until, until)

    def stop(self, ending: Ending, code: str | None = None, log_url: str | None = None) -> None:
        """Take no more rows; the first reason stands."""
        if self.ending is None:
            self.ending = ending
            self.code = code or self.code
            self.log_url = log_url or self.log_url
