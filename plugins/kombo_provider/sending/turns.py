"""When a lane goes from this process to others, and back: pure state, time is passed in."""

from __future__ import annotations

from kombo_provider.sending.options import Tuning


class Turns:
    """A lane's turns: it gives way to rows that come first, and is asked for while another process holds it."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._gave_way_at: float | None = None
        self._waits_since: float | None = None
        self._ask_at = 0.0
        self._keeps_until = 0.0

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

    def asked_in_vain(self, now: float, *, soon: bool) -> bool:
        """Tell whether to go on asking: the holder gives the lane back `soon`, or had it of us."""
        self._ask_at = now + self._tuning.ask_again
        if self._waits_since is None:
            self._waits_since = now
        waits_for_long = now - self._waits_since > self._tuning.wait_for_lane
        return not waits_for_long and (soon or self.gives_way)

    def taken(self, now: float) -> None:
        """The lane is ours, again or for the first time."""
        self._waits_since = None
        if self._gave_way_at is not None:
            away = now - self._gave_way_at
            self._keeps_until = now + min(self._tuning.longest_stint, 4 * away)
            self._gave_way_at = None
