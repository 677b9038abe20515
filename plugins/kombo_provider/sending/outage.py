"""Whether a lane's requests end in doubt one after another: what an outage looks like from here."""

from __future__ import annotations

from dataclasses import dataclass

from kombo_provider.client.outcome import OutcomeClass

_SAYS_NOTHING = (OutcomeClass.SAFE, OutcomeClass.NOT_BEGUN)
"""Refused for its pace, or never begun: neither shows that requests come to an end."""


@dataclass(slots=True)
class DoubtsInRow:
    """Doubts (class A) since the last answer to a request that began after them; times are the lane's clock."""

    number: int = 0
    _last_at: float = float("-inf")

    def add(self, now: float) -> None:
        """Count one more."""
        self.number += 1
        self._last_at = now

    def end(self, outcome_class: OutcomeClass, *, began: float) -> bool:
        """Begin to count anew where an answer, to a request that began at a time, shows that the way is open."""
        if outcome_class in _SAYS_NOTHING or began < self._last_at:
            return False
        self.number = 0
        return True
