"""Child processes that all end with the demo, however it ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final, Self

from include.demo.failure import DemoError
from include.demo.leftovers import Record, kill, living

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType, TracebackType

GRACE_SECONDS: Final = 6.0
LOG_TAIL_LINES: Final = 15
PR_SET_PDEATHSIG: Final = 1
C_LIBRARY: Final = ctypes.CDLL(None)


class Processes:
    """Starts children, each in a session of its own, and ends every process of those sessions on exit."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._first: set[int] = set()
        self._record = Record(logs / "running.json")

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        self._record.kill()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _undisturbed():
            self.stop()

    def log(self, name: str) -> Path:
        """Return the file that holds what `name` prints."""
        return self.logs / f"{name}.log"

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, ends_first: bool = False
    ) -> int:
        """Start `python -m COMMAND` in the background; return its process id.

        `ends_first`: what it runs needs the others to end well.
        """
        with self.log(name).open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        self._children[name] = child
        if ends_first:
            self._first.add(child.pid)
        self._record.write([child.pid for child in self._children.values()])
        return child.pid

    def finish(self, name: str, timeout_seconds: float) -> None:
        """Wait until `name` has ended by itself; raise DemoError if it failed."""
        try:
            status = self._children[name].wait(timeout_seconds)
            del self._children[name]
        except subprocess.TimeoutExpired as exc:
            raise DemoError(f"{name} did not end within {timeout_seconds:.0f} s. Its log: {self.log(name)}") from exc
        if status != 0:
            raise self._died(name, status)

    def check(self) -> None:
        """Raise DemoError if a child has ended."""
        for name, child in self._children.items():
            status = child.poll()
            if status is not None:
                raise self._died(name, status)

    def stop(self) -> None:
        """End all children: politely first, then with SIGKILL whatever still lives in their sessions."""
        sessions = {child.pid for child in self._children.values()}
        self._end(sessions & self._first)
        self._end(sessions - self._first)
        self._children.clear()
        self._record.clear()

    def _end(self, sessions: set[int]) -> None:
        """Send SIGTERM to the leaders of all process groups: the children, and tasks that Airflow is running."""
        for pid in self._living(sessions):
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(pid) == pid:
                    os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while self._living(sessions) and time.monotonic() < deadline:
            time.sleep(0.1)
        kill(sessions)

    def _living(self, sessions: set[int]) -> list[int]:
        for child in self._children.values():
            child.poll()  # takes its exit status, so that it is no zombie
        return living(sessions)

    def _died(self, name: str, status: int) -> DemoError:
        tail = self.log(name).read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        shown = "\n".join(f"    {line}" for line in tail)
        return DemoError(f"{name} ended with status {status}. The end of its log {self.log(name)}:\n{shown}")


def _end_with_parent() -> None:
    """Have the kernel end this child too where the demo is killed without a chance to clean up."""
    C_LIBRARY.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def raise_on_sigterm() -> None:
    """Make SIGTERM (and a closed terminal) clean up as Ctrl-C does."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back a second Ctrl-C while the children are being ended."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
