"""The peak memory of each task that a local Airflow runs, as the kernel counts it."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import psutil

_TASK = re.compile(r"airflow worker -- ([0-9a-f-]{36})")
_LOOK_EVERY_SECONDS = 0.1


class TaskMemory:
    """Looks at the task processes below this one, several times a second."""

    def __init__(self) -> None:
        self._peaks: dict[str, int] = {}
        self._running: dict[int, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> TaskMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def running(self) -> list[int]:
        """Return the processes of the tasks that run now."""
        return list(self._running)

    def by_task(self, task_instances: list[dict[str, Any]]) -> dict[str, int]:
        """Return the highest peak in MiB of each task; `task_instances` is Airflow's list of them."""
        tasks = {task["id"]: task["task_id"] for task in task_instances}
        found: dict[str, int] = {}
        for task_instance, kib in self._peaks.items():
            name = tasks.get(task_instance, "another task")
            found[name] = max(found.get(name, 0), kib // 1024)
        return dict(sorted(found.items()))

    def _look(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(_LOOK_EVERY_SECONDS):
            running: dict[int, str] = {}
            for process in me.children(recursive=True):
                task_instance = _task_of(process)
                if task_instance is not None:
                    running[process.pid] = task_instance
                    peak = max(self._peaks.get(task_instance, 0), _peak_kib(process.pid))
                    self._peaks[task_instance] = peak
            self._running = running


def _task_of(process: psutil.Process) -> str | None:
    """Return the id of the task instance that the process runs, None where it runs none or looks after one."""
    try:
        name = " ".join(process.cmdline())
    except psutil.Error:
        return None
    found = _TASK.fullmatch(name.strip())
    return found[1] if found else None


def _peak_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.partition("VmHWM:")[2].split()[0]) if "VmHWM:" in status else 0
