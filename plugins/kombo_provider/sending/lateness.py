"""How long a lane rests when its intents come too late for the wire."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_WAIT_SECONDS = 30.0
_FIRST_WAIT_SECONDS = 0.2
_DOUBLINGS_AT_MOST = 8


@dataclass(slots=True)
class Lateness:
    """Waves of late intents, one after another: what is slow is not fast at once."""

    _in_row: int = 0

    def next_wait(self) -> float:
        """Count one more wave; return how many seconds to wait, longer each time."""
        doublings = min(self._in_row, _DOUBLINGS_AT_MOST)
        self._in_row += 1
        return min(LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0**doublings)

    def end(self) -> None:
        """Begin anew: an intent was in time."""
        self._in_row = 0
