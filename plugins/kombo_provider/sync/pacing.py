"""Reads share Kombo's rate limit with the pushes of the same connection: they wait, and leave some of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from kombo_provider.client.limits import RateLimits
from kombo_provider.ledger import EVERYWHERE, Ledger, lane_states, now

LEFT_FOR_PUSHES = 0.2
"""Share of the rate limit that reads do not touch."""

_LOOK_EVERY_SECONDS = 5.0


class TooLateError(Exception):
    """The time of this run is over, or it was told to stop. Never leaves the sync."""


class SharedPace:
    """When the next read may leave; safe to use from many threads.

    A refusal pauses every lane of the connection through the ledger, and the pause that a push has met pauses reads.
    `turn_seconds` is for how long reads may begin.
    """

    def __init__(
        self,
        ledger: Ledger,
        kombo_conn_id: str,
        *,
        turn_seconds: float,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._conn_id = ledger, kombo_conn_id
        self._clock, self._stop = clock, stop or threading.Event()
        self._turn_ends = clock() + turn_seconds
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._looked_at = float("-inf")

    def wait(self) -> None:
        """Return when a read may leave; raises TooLateError where that is not in this run."""
        while True:
            self._follow_the_ledger()
            at = self._clock()
            if self._stop.is_set() or max(at, self._not_before) >= self._turn_ends:
                raise TooLateError
            if at >= self._not_before:
                return
            # Not to the end at once: a person may stop the lanes meanwhile, or open them.
            self._stop.wait(min(self._not_before - at, _LOOK_EVERY_SECONDS))

    def heed(self, limits: RateLimits) -> None:
        """Wait for the reset where the limit is used up, or nearly so."""
        if limits.reset_seconds is None:
            return
        if limits.refused:
            self._tell(limits.reset_seconds)
        elif limits.remaining is None or limits.remaining > LEFT_FOR_PUSHES * (limits.limit or 0):
            return  # enough is left; that it is nearly used up pauses reads only, so nothing is told to the ledger
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + limits.reset_seconds)

    def _tell(self, seconds: float) -> None:
        with self._ledger.transaction() as conn:
            lane_states.pause_for_rate_limit(conn, self._conn_id, now(conn) + timedelta(seconds=seconds))

    def _follow_the_ledger(self) -> None:
        # The time is taken before the ledger is read, and the lock is not held while it is: one thread reads, and the
        # others do not wait for it.
        with self._lock:
            if self._clock() - self._looked_at < _LOOK_EVERY_SECONDS:
                return
            self._looked_at = self._clock()
        with self._ledger.transaction() as conn:
            at = now(conn)
            status = lane_states.own_status(conn, self._conn_id, EVERYWHERE)
        if status.paused_until is not None and status.pause_lasts(at):
            with self._lock:
                left = (status.paused_until - at).total_seconds()
                self._not_before = max(self._not_before, self._clock() + left)
