"""Intents of one lane that are committed before a connection is free for them."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.ledger.claims import Intent
from kombo_provider.sending.pacing import rate_pause_seconds


class Waiting(NamedTuple):
    """An intent, and until when its request may begin."""

    intent: Intent
    begin_before: float


class Ahead:
    """A lane's intents that wait for a connection, and its requests on the wire; safe to use from many threads.

    A request that succeeds is followed by the next intent at once, in its own thread: no commit and no other thread is
    waited for. After any other answer nothing follows until the sender, who knows what it means for the lane, says
    anew how many requests may be on the wire.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Waiting] = deque()
        self._limit = 0
        self._has_more = False
        self.on_wire = 0
        self.peak_on_wire = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, intent: Intent, begin_before: float) -> None:
        """Let an intent wait, which was committed just now."""
        with self._lock:
            self._waiting.append(Waiting(intent, begin_before))

    def begin(self, limit: int, *, has_more: bool) -> list[Waiting]:
        """Allow so many requests at once; return those that begin now, each in a thread of its own.

        `has_more`: rows are left to be claimed, so that a free connection is worth the sender's attention.
        """
        with self._lock:
            self._limit, self._has_more = limit, has_more
            begun: list[Waiting] = []
            while self._waiting and self.on_wire < limit:
                begun.append(self._waiting.popleft())
                self.on_wire += 1
            self.peak_on_wire = max(self.peak_on_wire, self.on_wire)
            return begun

    def follow(self, outcome: Outcome) -> Waiting | None:
        """Take in that a request came to its end; return what follows it in the same thread."""
        with self._lock:
            if not _is_plain_success(outcome, self._limit):
                # Also for successes that come before the sender has looked: the lane may be about to pause.
                self._limit = 0
            # The request that ended still counts, and hands its place on: so the limit is never exceeded.
            if self._waiting and self.on_wire <= self._limit:
                return self._waiting.popleft()
            self.on_wire -= 1
            return None

    # Read without the lock: a value that is old by a moment costs one look too many, or one gathering.
    @property
    def needs_sender(self) -> bool:
        """Tell whether a connection stands idle that the sender may have a row for, or an answer that it must judge."""
        return self._has_more or self._limit == 0

    def hold(self) -> None:
        """Let nothing follow until the sender allows it again."""
        with self._lock:
            self._limit = 0

    def is_stale(self, now: float) -> bool:
        """Tell whether an intent has waited for as long as it may."""
        with self._lock:
            return bool(self._waiting) and self._waiting[0].begin_before <= now

    def take_back(self) -> list[Intent]:
        """Return all that wait: nothing of them was sent, and nothing will be."""
        with self._lock:
            intents = [waiting.intent for waiting in self._waiting]
            self._waiting.clear()
            return intents


def _is_plain_success(outcome: Outcome, limit: int) -> bool:
    """Tell whether an answer changes nothing for its lane: neither the breaker, nor a limit, nor a pause."""
    if outcome.outcome_class is not OutcomeClass.EXECUTED or rate_pause_seconds(outcome) is not None:
        return False
    return outcome.concurrency_limit is None or outcome.concurrency_limit >= limit
