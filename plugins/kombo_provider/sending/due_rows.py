"""What a task knows of the rows of a lane that are due: found out by a look into the ledger, now and then."""

from __future__ import annotations

from dataclasses import dataclass

from kombo_provider.sending.options import Tuning


@dataclass(slots=True)
class DueRows:
    """What the last look found; times are seconds of the lane's clock."""

    tuning: Tuning
    none_in_time: bool = False
    """No row is due within the task's patience."""
    look_again_at: float = 0.0
    _looked_at: float = 0.0

    def looked(self, seconds: float | None, now: float) -> None:
        """Note that the next row is due in so many seconds; None: there is no row."""
        self._looked_at = now
        self.none_in_time = seconds is None or seconds > self.tuning.patience
        sleeps = self.tuning.empty_lane
        if seconds is not None:
            sleeps = min(sleeps, seconds)
        self.look_again_at = now + sleeps

    def came_back(self, now: float) -> None:
        """Note that a row is due again, perhaps at once: what was found out no longer holds."""
        self.none_in_time, self.look_again_at = False, now

    def is_look_due(self, now: float) -> bool:
        """Tell whether the last look is so long ago that another one is worth it."""
        return now - self._looked_at >= self.tuning.empty_lane
