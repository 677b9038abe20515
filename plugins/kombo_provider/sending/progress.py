"""A log line every half a minute: how far, how fast, how long still."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from kombo_provider.ledger import Status

log = logging.getLogger(__name__)

LOG_EVERY_SECONDS = 30.0


class Progress:
    """Counts answers and says how many rows are left of `total`."""

    def __init__(self, clock: Callable[[], float], total: int) -> None:
        self._clock, self._total = clock, total
        self._started = self._logged = clock()
        self._counts: Counter[Status] = Counter()

    def count(self, status: Status) -> None:
        """Take in what became of one request."""
        self._counts[status] += 1

    def maybe_log(self) -> None:
        """Log where LOG_EVERY_SECONDS have passed since the last line."""
        at = self._clock()
        if at - self._logged >= LOG_EVERY_SECONDS:
            self._logged = at
            log.info("%s", self.line())

    def line(self) -> str:
        """One line: delivered, failed, in doubt, left, rows per second, time left."""
        done = sum(count for status, count in self._counts.items() if status is not Status.READY)
        seconds = max(self._clock() - self._started, 0.001)
        left = max(0, self._total - done)
        rate = done / seconds
        time_left = f"about {_duration(left / rate)} left" if rate and left else "no estimate yet" if left else "done"
        failed = self._counts[Status.REJECTED] + self._counts[Status.INVALID]
        return (
            f"{self._counts[Status.DELIVERED]} delivered, {failed} failed, {self._counts[Status.IN_DOUBT]} in doubt, "
            f"{left} left; {rate:.1f} rows/s, {time_left}"
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
