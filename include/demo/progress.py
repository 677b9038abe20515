"""A progress bar with rate and time left; plain lines where nobody sits at a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

WIDTH: Final = 30
PLAIN_EVERY_SECONDS: Final = 3.0


class Progress:
    """Shows how many of `total` are done."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out or sys.stdout
        self._clock = clock
        self._bar = self._out.isatty()
        self._first: tuple[float, int] | None = None
        self._last: float | None = None
        self._shown = ""
        self._shown_at = 0.0
        self._phase = ""

    def show(self, phase: str, done: int, total: int) -> None:
        """Show the state of now; `phase` says what is going on."""
        now = self._clock()
        if done and self._first is None:
            self._first = (now, done)
        if done < total or self._last is None:
            self._last = now
        bar = ""
        if self._bar and total:
            bar = _bar(done, total)
        line = f"{phase:<11} {bar}{self._figures(now, done, total)}".rstrip()
        if self._bar:
            self._out.write(f"\r\x1b[2K      {line}")
        elif phase != self._phase or (line != self._shown and now - self._shown_at >= PLAIN_EVERY_SECONDS):
            self._out.write(f"      {line}\n")
        else:
            return
        self._out.flush()
        self._shown, self._shown_at, self._phase = line, now, phase

    def close(self) -> None:
        """Leave the last state on the screen."""
        if self._bar and self._shown:
            self._out.write("\n")
            self._out.flush()

    def _figures(self, now: float, done: int, total: int) -> str:
        if not total:
            return ""
        since, first = self._first or (now, done)
        until = now
        if done >= total:
            until = self._last or now  # the time after the last row is not its sending
        seconds = until - since
        if seconds < 0.5 or done == first:
            return f"{done}/{total}"
        rate = (done - first) / seconds
        figures = f"{done}/{total}  {rate:.0f}/s"
        if done < total:
            figures += f"  {(total - done) / rate:.0f} s left"
        return figures


def _bar(done: int, total: int) -> str:
    filled = WIDTH * done // total
    return f"[{'#' * filled}{'.' * (WIDTH - filled)}] "
