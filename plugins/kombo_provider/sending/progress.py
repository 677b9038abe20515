"""A log line every half a minute: how far, how fast, how long still, and how Kombo answers."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable
from statistics import quantiles

from kombo_provider.client import Outcome
from kombo_provider.ledger import REFUSED, Status

log = logging.getLogger(__name__)

LOG_EVERY_SECONDS = 30.0

RECENT_ANSWERS = 1_000
"""Answers whose latency is told: what Kombo does now, not what it did hours ago."""


class Progress:
    """Counts answers and says how many rows are left of `total`."""

    def __init__(self, clock: Callable[[], float], total: int) -> None:
        self._clock, self._total = clock, total
        self._started = self._logged = clock()
        self._counts: Counter[Status] = Counter()
        self._latencies: deque[float] = deque(maxlen=RECENT_ANSWERS)
        self._answers_429 = self._peak_in_flight = 0

    def count(self, status: Status, outcome: Outcome) -> None:
        """Take in what became of one request."""
        self._counts[status] += 1
        self._answers_429 += outcome.http_status == 429
        if outcome.http_status is not None:
            self._latencies.append(outcome.duration_seconds)

    def on_wire(self, requests: int) -> None:
        """Take in how many requests are on the wire now, over all lanes."""
        self._peak_in_flight = max(self._peak_in_flight, requests)

    def maybe_log(self) -> None:
        """Log where LOG_EVERY_SECONDS have passed since the last line."""
        at = self._clock()
        if at - self._logged >= LOG_EVERY_SECONDS:
            self._logged = at
            log.info("%s", self.line())

    def line(self) -> str:
        """One line: delivered, failed, in doubt, left, rows per second, time left, latency, most in flight, 429s."""
        done = sum(count for status, count in self._counts.items() if status is not Status.READY)
        seconds = max(self._clock() - self._started, 0.001)
        left = max(0, self._total - done)
        rate = done / seconds
        failed = sum(self._counts[status] for status in REFUSED)
        return (
            f"{self._counts[Status.DELIVERED]} delivered, {failed} failed, {self._counts[Status.IN_DOUBT]} in doubt, "
            f"{left} left; {rate:.1f} rows/s, {_time_left(left, rate)}; {self._latency()}"
            f"{self._peak_in_flight} in flight at most, {self._answers_429} answers 429"
        )

    def _latency(self) -> str:
        if len(self._latencies) < 2:
            return ""
        of_twenty = quantiles(self._latencies, n=20, method="inclusive")
        return f"latency p50 {of_twenty[9]:.1f} s, p95 {of_twenty[18]:.1f} s, "


def _time_left(left: int, rate: float) -> str:
    if not left:
        return "done"
    if not rate:
        return "no estimate yet"
    return f"about {_duration(left / rate)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {rest} s"
    return f"{rest} s"
