"""One lane while this process holds it: what is in flight, how fast it may go, and why it stopped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.ledger import LaneState, LaneStatus, Lease, Result, Status
from kombo_provider.sending.pacing import Breaker, Pace

DRY_SECONDS = 1.0
"""How long a lane whose rows are all taken, or not due, is left alone before it is asked again."""

LONGEST_LATE_WAIT_SECONDS = 30.0


class Ending(Enum):
    """Why a lane takes no more rows in this task."""

    DONE = "nothing left to send"
    BLOCKED = "Kombo refuses the integration"
    PAUSED = "its requests end in doubt or fail at the ATS"
    DRAINED = "new requests are stopped by `airflow kombo drain`"
    LOST = "another process took it over"
    HELD = "another process is sending on it"
    STOPPED = "the task was told to stop"


@dataclass(slots=True)
class Lane:
    """A lane of this task, held if it has a lease; `lease_until` is this process's clock, before the lease's end."""

    integration_id: str
    lease: Lease | None
    lease_until: float
    pace: Pace
    breaker: Breaker
    opened_to_probe: bool = False
    """The first answer decides whether the lane goes on in this task."""
    in_flight: int = 0
    peak_in_flight: int = 0
    rate_limited: int = 0
    dry: bool = False
    looked_at: float = 0.0
    limit_noted: int | None = None
    doubts_in_row: int = 0
    last_doubt_at: float = float("-inf")
    withdrawn_in_row: int = 0
    wake_at: float = 0.0
    held_until: float = 0.0
    last_progress: float = 0.0
    ending: Ending | None = None
    code: str | None = None
    log_url: str | None = None
    outcomes: Counter[Status] = field(default_factory=Counter)

    def room(self, now: float) -> int:
        """How many rows may be claimed now."""
        if self.ending is not None or now < max(self.wake_at, self.held_until):
            return 0
        room = self.pace.room(self.in_flight, now)
        probes = self.breaker.room(self.in_flight, now)
        return room if probes is None else min(room, probes)

    def waits_in_vain(self, now: float) -> bool:
        """Tell whether it is time to look if the lane, which may send nothing now, has anything left to send at all."""
        idle = self.ending is None and not self.dry and not self.in_flight and not self.room(now)
        return idle and now - self.looked_at >= DRY_SECONDS

    def started(self) -> None:
        """Count a row that goes on the wire."""
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def finished(self, outcome: Outcome, result: Result, now: float, *, began: float) -> bool:
        """Take in the answer to a request that began at a time; return True where other processes should hear of it."""
        was_probing = self.breaker.probing
        self.pace.on_outcome(outcome, self.in_flight, now)
        paused = self.breaker.on_outcome(outcome, now, began=began)
        self.in_flight -= 1
        self.outcomes[result.status] += 1
        self.rate_limited += outcome.http_status == 429
        if result.status is Status.READY:
            self.dry, self.wake_at = False, now
        elif result.status is not Status.IN_DOUBT:
            self.last_progress = now
        blocked = outcome.outcome_class is OutcomeClass.INTEGRATION
        if blocked:
            self.stop(Ending.BLOCKED, outcome.error_code or outcome.error_title, outcome.log_url)
        elif paused:
            self.code, self.log_url = outcome.error_code or outcome.error_title, outcome.log_url
        paused |= self._outage(outcome, now, began)
        self._withdrawn(outcome, now)
        reopened = was_probing and not self.breaker.probing
        return paused or reopened or blocked

    def _outage(self, outcome: Outcome, now: float, began: float) -> bool:
        """Stop the lane after one cap's worth of doubt in a row, or one probe's: a later try probes it."""
        if outcome.outcome_class is not OutcomeClass.AMBIGUOUS:
            if outcome.outcome_class is not OutcomeClass.SAFE and began >= self.last_doubt_at:
                self.doubts_in_row, self.opened_to_probe = 0, False
            return False
        self.doubts_in_row, self.last_doubt_at = self.doubts_in_row + 1, now
        if self.ending is not None or self.doubts_in_row < (1 if self.opened_to_probe else self.pace.cap):
            return False
        self.breaker.outage(now)
        self.stop(Ending.PAUSED, outcome.error_code or outcome.error_title, outcome.log_url)
        return True

    def _withdrawn(self, outcome: Outcome, now: float) -> None:
        """Wait longer each time that an intent came too late for the wire: what is slow is not fast at once."""
        if not outcome.withdrawn:
            self.withdrawn_in_row = 0
        elif now >= self.held_until:  # one wave of them is one
            self.withdrawn_in_row += 1
            self.wait(now + min(LONGEST_LATE_WAIT_SECONDS, 0.1 * 2 ** min(self.withdrawn_in_row, 9)))

    def stop(self, ending: Ending, code: str | None = None, log_url: str | None = None) -> None:
        """Take no more rows; the first reason stands."""
        if self.ending is None:
            self.ending, self.code, self.log_url = ending, code or self.code, log_url or self.log_url

    def wait_for_rows(self, seconds: float | None, now: float, patience: float) -> None:
        """Ask again when the next row is due; where none is in time, the lane is done once nothing is in flight."""
        self.dry = seconds is None or seconds > patience
        self.wake_at = now + (DRY_SECONDS if seconds is None else min(DRY_SECONDS, seconds))

    def wait(self, until: float) -> None:
        """Claim nothing before a time."""
        self.held_until = max(self.held_until, until)

    def heed(self, status: LaneStatus, at: datetime, now: float) -> None:
        """Follow what another process, or a person, decided about the lane or its whole connection."""
        if status.state is LaneState.DRAINED:
            self.stop(Ending.DRAINED)
        elif status.state is LaneState.BLOCKED:
            self.stop(Ending.BLOCKED, status.code, status.log_url)
        elif status.state is LaneState.PAUSED and status.paused_until is not None and status.paused_until > at:
            self.wait(now + (status.paused_until - at).total_seconds())

    def next_change(self, now: float) -> float | None:
        """When room may grow without any answer."""
        times = [
            at
            for at in (self.pace.next_change(now), self.wake_at, self.held_until, self.breaker.paused_until)
            if at and at > now
        ]
        return min(times) if times else None
