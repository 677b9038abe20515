"""How many bytes of rows and bodies a task holds: where that is much, fewer requests are in flight."""

from __future__ import annotations

import sys
import threading

from kombo_provider.ledger import DeliveryKey
from kombo_provider.ledger.claims import Intent

_MIB = 1024 * 1024
BYTES_AT_MOST = 96 * _MIB
"""With what drivers and encoders hold for a moment, and Airflow itself, a task then stays below 400 MiB."""

EXPECTED_FILES_BYTES = 14 * _MIB
"""Held for a row whose files are not read yet: 10 MB, which Kombo advises for all of a row, in base64."""


class BodyMemory:
    """Counts what the rows on the wire take; safe to use from many threads."""

    def __init__(self, at_most: int = BYTES_AT_MOST) -> None:
        self._at_most = at_most
        self._lock = threading.Lock()
        self._held: dict[DeliveryKey, int] = {}

    def room(self) -> int:
        """How many bytes more may be held; less than none where the last row let in was larger than its room."""
        with self._lock:
            return self._at_most - sum(self._held.values())

    def is_plenty(self) -> bool:
        """Tell whether more than half of what may be held is free."""
        return self.room() > self._at_most / 2

    def claimed(self, intent: Intent) -> None:
        """Count a row whose body is still to be built."""
        with self._lock:
            self._held[intent.key] = expected_bytes(intent)

    def built(self, intent: Intent, body: bytes) -> None:
        """Count what the row really takes, unless it was given up meanwhile."""
        with self._lock:
            # Given up meanwhile: nobody would ever release it.
            if intent.key in self._held:
                self._held[intent.key] = sys.getsizeof(intent.payload) + len(body)

    def release(self, intent: Intent) -> None:
        """The row is answered."""
        with self._lock:
            self._held.pop(intent.key, None)


def expected_bytes(intent: Intent) -> int:
    """What a row takes with its body, before its files are read."""
    files = EXPECTED_FILES_BYTES if intent.has_files else 0
    return sys.getsizeof(intent.payload) + len(intent.payload or "") + files
