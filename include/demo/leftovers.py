"""Ends what a demo that was killed has left running, known by the sessions it had started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

OURS = ("airflow", "kombo_sandbox")


def living(sessions: Collection[int]) -> list[int]:
    """Return the processes of these sessions that still run."""
    return [pid for pid in psutil.pids() if _session(pid) in sessions and not _is_zombie(pid)]


def kill(sessions: Collection[int]) -> None:
    """End every process of these sessions, whatever its children do meanwhile."""
    # Again and again: a process may have started another one between our look and its end.
    while pids := living(sessions):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


class Record:
    """The sessions that run now, in a file that a kill leaves behind."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def write(self, sessions: Collection[int]) -> None:
        """Keep these sessions for the next demo to see."""
        self._file.write_text(json.dumps({"boot": psutil.boot_time(), "sessions": sorted(sessions)}))

    def clear(self) -> None:
        """Say that nothing runs any more."""
        self._file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End what still runs of the demo before, if it was killed since the machine started."""
        if not self._file.exists():
            return
        known = json.loads(self._file.read_text())
        # Numbers of sessions begin anew with each start of the machine, and would be somebody else's.
        if known["boot"] == psutil.boot_time():
            kill({session for session in known["sessions"] if _is_ours(session)})
        self.clear()


def _is_ours(session: int) -> bool:
    """Tell whether the session's number has not been given to another program since."""
    for pid in living({session}):
        command = _command(pid)
        if any(name in command for name in OURS):
            return True
    return False


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
