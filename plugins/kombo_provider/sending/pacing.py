"""How many requests a lane may have in flight just now: pure state, time is passed in."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable

from kombo_provider.client.limits import LONGEST_PAUSE_SECONDS
from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.sending.options import Tuning

RATE_LIMIT_NEARLY_USED = 2
_RATE_LIMIT_PAUSE_SECONDS = 5.0
_ANSWERS_REMEMBERED = 8


def rate_pause_seconds(outcome: Outcome) -> float | None:
    """How long the whole connection has to wait for Kombo's rate limit; None: it has not."""
    if outcome.outcome_class is OutcomeClass.SAFE and outcome.account_wide:
        return outcome.pause_seconds or _RATE_LIMIT_PAUSE_SECONDS
    nearly = outcome.ratelimit_remaining is not None and outcome.ratelimit_remaining <= RATE_LIMIT_NEARLY_USED
    if not nearly or outcome.ratelimit_reset_seconds is None:
        return None
    return min(outcome.ratelimit_reset_seconds, LONGEST_PAUSE_SECONDS)


class Pace:
    """The lane's share of Kombo's concurrency limit, and its waits after refusals of class S.

    In flight never exceeds `max_in_flight`, nor the `Concurrency-Limit` that Kombo names. A 429 lowers the share to
    what is on the wire; each success raises it again while Kombo says that some of the limit remains. A lane
    whose limit was never seen, or that shall begin `carefully`, begins with a single request.
    """

    def __init__(
        self,
        max_in_flight: int,
        tuning: Tuning,
        *,
        limit_seen: int | None = None,
        carefully: bool = False,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.cap = max_in_flight if limit_seen is None else min(max_in_flight, limit_seen)
        self.limit_seen = limit_seen
        self._allowed = 1.0 if carefully or limit_seen is None else float(self.cap)
        self._max_in_flight, self._tuning, self._jitter = max_in_flight, tuning, jitter
        self._proven = False
        self._refusals_in_row = 0
        self._unanswered: deque[float] = deque()
        self._usual_seconds: float | None = None
        self.not_before = 0.0

    def expect_unanswered(self, until: Iterable[float]) -> None:
        """Count requests that may still run at Kombo though nobody waits for them, each until its time."""
        self._unanswered = deque(sorted([*self._unanswered, *until]))

    def limit(self, now: float) -> int:
        """How many requests may be on the wire at once; less than none where a dead holder left more than that."""
        while self._unanswered and self._unanswered[0] <= now:
            self._unanswered.popleft()
        if now < self.not_before:
            return 0
        return min(self.cap - len(self._unanswered), int(self._allowed))

    def answers_within(self, seconds: float, in_flight: int) -> int:
        """How many of so many requests are answered in a time, at most all; none where nothing is known of them."""
        if self._usual_seconds is None:
            return 0
        if self._usual_seconds <= seconds:
            return in_flight
        # Rounded down: a row that is committed ahead is in doubt after a kill, though it never left. Where a request
        # takes seconds, the moment that a commit takes is not worth that.
        return int(in_flight * seconds / self._usual_seconds)

    def forget_usual_seconds(self) -> None:
        """Requests no longer take as long as they used to."""
        self._usual_seconds = None

    def next_change(self, now: float) -> float | None:
        """When room may grow without any answer, None where it will not."""
        times = [self.not_before, *self._unanswered]
        return min((at for at in times if at > now), default=None)

    def on_outcome(self, outcome: Outcome, in_flight: int, now: float) -> None:
        """Learn from an answer; `in_flight` counts it as still there."""
        if outcome.concurrency_limit is not None:
            self.limit_seen = outcome.concurrency_limit
            self.cap = min(self._max_in_flight, outcome.concurrency_limit)
        if outcome.outcome_class is OutcomeClass.SAFE:
            self._refused(outcome, in_flight, now)
        elif _proves_the_way(outcome):
            self._answered(outcome)

    def _refused(self, outcome: Outcome, in_flight: int, now: float) -> None:
        # Kombo took less than this: what is on the wire besides the refused request is what it surely takes.
        self._allowed = max(1.0, min(self._allowed, in_flight - 1.0))
        if now < self.not_before:
            return  # one wave of refusals is one refusal
        backoff = min(self._tuning.longest_backoff, self._tuning.first_backoff * 2**self._refusals_in_row)
        self._refusals_in_row += 1
        self.not_before = now + (outcome.pause_seconds or backoff) * (1 + 0.25 * self._jitter())

    def _answered(self, outcome: Outcome) -> None:
        before, seconds = self._usual_seconds, outcome.duration_seconds
        self._usual_seconds = seconds if before is None else before + (seconds - before) / _ANSWERS_REMEMBERED
        self._refusals_in_row = 0
        # One answer proves key, integration and way: what was held back for them may leave at once.
        if not self._proven:
            self._proven, self._allowed = True, float(self.cap)
        elif outcome.concurrency_remaining is None or outcome.concurrency_remaining > 0:
            self._allowed = min(self.cap, self._allowed + 1.0)


def _proves_the_way(outcome: Outcome) -> bool:
    """Tell whether it was Kombo that answered."""
    return outcome.outcome_class in _KOMBO_S


_KOMBO_S = frozenset(
    {OutcomeClass.EXECUTED, OutcomeClass.RETRYABLE_CODE, OutcomeClass.REJECTED, OutcomeClass.INTEGRATION}
)


_SAYS_NOTHING = frozenset(
    {OutcomeClass.SAFE, OutcomeClass.INTEGRATION, OutcomeClass.WAY_OR_ROW, OutcomeClass.NOT_BEGUN}
)
"""Classes that say nothing about whether requests get through and come to an end."""


class Breaker:
    """Pauses a lane whose requests end in doubt (class A) or fail at the ATS (class V), longer each time.

    Only the success of a request that began after the pause did says that the way is open again: slow ones from before
    may still succeed while all that is sent now fails.
    """

    def __init__(self, tuning: Tuning, *, probing: bool = False, former_pause: float = 0.0) -> None:
        self._tuning = tuning
        # Each probe that fails doubles the pause, from run to run.
        self._outage_pause = max(tuning.outage_pause, 2 * former_pause)
        self._last: deque[bool] = deque(maxlen=tuning.last)
        self._in_row = 0
        self.pauses = 0
        self.paused_until = 0.0
        self.probing = probing
        self._tripped_at = float("-inf")

    def on_outcome(self, outcome: Outcome, now: float, *, began: float) -> bool:
        """Learn from an answer; return True where the lane pauses because of it."""
        if outcome.outcome_class in _SAYS_NOTHING:
            return False
        failed = outcome.outcome_class in (OutcomeClass.AMBIGUOUS, OutcomeClass.RETRYABLE_CODE)
        # It began before the outage did: that it got through says nothing of now.
        if not failed and began < self._tripped_at:
            return False
        self._last.append(failed)
        self._in_row = self._in_row + 1 if failed else 0
        if not failed:
            self.probing, self.pauses = False, 0
            return False
        tripped = (
            self.probing
            or self._in_row >= self._tuning.failures_in_row
            or sum(self._last) >= self._tuning.failures_of_last
        )
        # What was on the wire when the lane paused fails as well, and must not lengthen the pause.
        if not tripped or now < self.paused_until:
            return False
        self.paused_until = now + min(self._tuning.longest_pause, self._tuning.first_pause * 2**self.pauses)
        self.pauses += 1
        self.probing, self._tripped_at = True, now
        self._last.clear()
        self._in_row = 0
        return True

    def outage(self, now: float) -> None:
        """Pause for long: every request of a whole wave ended in doubt."""
        self.paused_until = now + min(self._tuning.longest_outage_pause, self._outage_pause)
        self.probing, self._tripped_at = True, now

    def limit(self, now: float) -> int | None:
        """0 while paused, one at a time while probing, None where this sets no limit."""
        if now < self.paused_until:
            return 0
        return 1 if self.probing else None
