"""The state file: one JSON line per event, appended before its request is answered.

`os.write` hands the line to the kernel, so it outlives a SIGKILL of the sandbox (not a power cut). A last
line that was cut short belongs to a request nobody was answered: it is dropped.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Any

from kombo_sandbox.errors import StateFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Event = dict[str, Any]


class Journal:
    """Events in a file, or nowhere where `path` is None."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._fd: int | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._lock()

    def replay(self) -> Iterator[Event]:
        """What earlier servers wrote, in order."""
        if self._fd is None or self._path is None:
            return
        good = 0
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):  # the kill came within a write; nobody was answered for it
                    break
                good += len(line)
                yield self._parse(line, number)
        os.ftruncate(self._fd, good)

    def append(self, event: Event) -> None:
        """Writes one event whole, or raises OSError and leaves the file as it was."""
        if self._fd is None:
            return
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        size = os.fstat(self._fd).st_size
        # One write and no buffer of Python's, which a SIGKILL would take with it.
        if os.write(self._fd, line) != len(line):
            os.ftruncate(self._fd, size)
            raise OSError("the state file's disk is full")

    def clear(self) -> None:
        if self._fd is not None:
            os.ftruncate(self._fd, 0)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _lock(self) -> None:
        try:
            # The kernel lets it go when the process ends, however: a killed sandbox locks nobody out.
            fcntl.flock(self._fd or 0, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            self.close()
            raise StateFileError(f"{self._path} is in use by another sandbox") from exc

    def _parse(self, line: bytes, number: int) -> Event:
        try:
            event = json.loads(line)
        except ValueError as exc:
            raise StateFileError(f"{self._path}, line {number}: not a line of a sandbox's state") from exc
        if not isinstance(event, dict) or "event" not in event:
            raise StateFileError(f"{self._path}, line {number}: not a line of a sandbox's state")
        return event
