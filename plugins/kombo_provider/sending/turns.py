"""When a lane goes from this process to others, and back: pure state, time is passed in."""

from __future__ import annotations

from kombo_provider.ledger.leases import HeldTurn, Turn
from kombo_provider.sending.options import TaskTime, Tuning

_FOR_EVER = float("inf")


class Turns:
    """A lane's turns: it gives way to rows that come first, and is asked for while another process holds it."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._gave_way_at: float | None = None
        self._waits_since: float | None = None
        self._ask_at = 0.0
        self._keeps_until = 0.0
        self._sends_until = self._ends = _FOR_EVER
        self._at_least = 0.0
        self._clear_number = 0
        self._began_ago: float | None = None
        self._holder_ends = _FOR_EVER
        self._held: HeldTurn | None = None

    def begin(self, now: float, time: TaskTime | None) -> None:
        """Count the task's time from now; None: it has all the time that it needs."""
        if time is not None:
            self._sends_until, self._at_least = now + time.send_for, time.at_least
            self._ends = now + max(time.send_for, time.wait_for)
            self._began_ago = time.began_ago
            self._clear_number = time.clear_number

    def wanted(self, now: float) -> Turn | None:
        """Return the turn that the lane would have if it were taken now."""
        if self._sends_until == _FOR_EVER:
            return None
        return Turn(max(0.0, self._sends_until - now), self._at_least, self._clear_number)

    def is_over(self, now: float) -> bool:
        """Tell whether the lane begins no request any more, or is not waited for any more."""
        return now >= self._ends

    @property
    def gives_way(self) -> bool:
        """Tell whether the lane takes no more rows until others were on it."""
        return self._gave_way_at is not None

    def may_give_way(self, now: float) -> bool:
        """Tell whether others may have the lane already: what the last change cost it is earned back first."""
        return now >= self._keeps_until

    def give_way(self, now: float) -> None:
        """Take no more rows until those who wait for the lane were on it."""
        self._gave_way_at = now

    def wants_to_ask(self, now: float) -> bool:
        """Tell whether it is time to ask again for the lane."""
        return now >= self._ask_at

    def keep_asking(self, now: float, *, soon: bool, held: HeldTurn | None = None) -> bool:
        """Note that another process holds the lane still; tell whether to ask again.

        That is worth it where the holder gives it back `soon`, or has it because this lane gave way.
        """
        tuning = self._tuning
        self._ask_at = now + tuning.ask_again
        self._held = held
        self._holder_ends = now + held.ends_in_seconds if held else _FOR_EVER
        ends_soon = self._holder_ends <= now + 2 * tuning.back_before
        if self._waits_since is None:
            self._waits_since = now
        waits_since = self._waits_since
        if ends_soon:  # what the holder has on the wire then takes a while
            waits_since = max(waits_since, self._holder_ends)
        return now - waits_since <= tuning.wait_for_lane and (soon or ends_soon or self.gives_way)

    def leaves_to_holder(self, source: str, holder: str, now: float) -> bool:
        """Tell whether who has the lane sends this source's rows, so that `holder` need not wait for it.

        In the last minute of a turn the first task that asks takes the lane over: that one does wait.
        """
        held, tuning = self._held, self._tuning
        if held is None or held.source != source or self._began_ago is None:
            return False
        renewed_ago = tuning.lease - held.lease_seconds
        if renewed_ago >= min(self._began_ago, 2 * tuning.renew_after):
            return False  # it showed no life since this task began, or not lately: it may be dead
        if self._holder_ends > now + tuning.stand_by:
            return True
        wish = held.wish
        return wish is not None and wish.source == source and wish.holder != holder

    def look_again_in(self, now: float) -> float:
        """Return in how many seconds a task should ask again that holds no worker slot meanwhile."""
        seconds = self._holder_ends - now - self._tuning.back_before
        if seconds <= 0:
            return self._tuning.look_again
        return min(seconds, self._tuning.look_again)

    def taken(self, now: float, turn_seconds: float | None = None) -> None:
        """The lane is ours, again or for the first time, for a turn of so long."""
        self._waits_since = None
        if turn_seconds is not None:
            self._sends_until = self._ends = now + turn_seconds
            self._at_least = 0.0
        if self._gave_way_at is not None:
            away = now - self._gave_way_at
            self._keeps_until = now + min(self._tuning.longest_stint, 4 * away)
            self._gave_way_at = None
