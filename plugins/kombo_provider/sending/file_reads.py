"""Reads files in threads that may hang: whoever asks waits until a deadline and no longer.

A named pipe without a writer, or a network mount whose server is gone, blocks `open` for ever, and Python cannot end
such a thread. So the reading threads are daemons: they keep neither the lane nor the end of the process waiting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from kombo_provider.sending.request import ReadFile, UnreadableFileError

HANGING_AT_MOST = 16
"""While so many reads hang, no further one is begun: the storage is away, and each thread costs memory."""


class FileReads:
    """Bounds the reads of one task in time and number; safe to use from many threads."""

    def __init__(
        self, read_file: ReadFile, *, within_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read_file, self._within_seconds, self._clock = read_file, within_seconds, clock
        self._lock = threading.Lock()
        self._hanging: list[threading.Thread] = []

    def for_row(self) -> ReadFile:
        """Return a reader for one row's files, which share one deadline that begins now."""
        until = self._clock() + self._within_seconds
        return lambda url: self._read(url, until)

    def _read(self, url: str, until: float) -> bytes:
        self._refuse_where_many_hang()
        outcome: SimpleQueue[bytes | BaseException] = SimpleQueue()
        # A thread of its own, not one of a pool: a read that hangs would keep its place for ever.
        thread = threading.Thread(target=self._run, args=(url, outcome), name="kombo-file", daemon=True)
        thread.start()
        try:
            found = outcome.get(timeout=max(0.0, until - self._clock()))
        except Empty:
            with self._lock:
                self._hanging.append(thread)
            raise UnreadableFileError(f"the file could not be read within {self._within_seconds:g} s") from None
        if isinstance(found, BaseException):
            raise found
        return found

    def _refuse_where_many_hang(self) -> None:
        with self._lock:
            self._hanging = [thread for thread in self._hanging if thread.is_alive()]
            if len(self._hanging) >= HANGING_AT_MOST:
                raise UnreadableFileError(f"the file was not read: {HANGING_AT_MOST} others hang, the storage is away")

    def _run(self, url: str, outcome: SimpleQueue[bytes | BaseException]) -> None:
        try:
            outcome.put(self._read_file(url))
        except BaseException as exc:  # noqa: BLE001 - raised again in the thread that waits
            outcome.put(exc)
