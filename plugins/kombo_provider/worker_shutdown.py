"""How a task learns that the Celery worker it runs in is being shut down: warm, Celery tells a running task nothing.

The worker's main process keeps one byte that all its children share, because they are forked from it. A shutdown sets
the byte, tasks of ours look at it: no signal goes to anyone, and a task that is not ours never knows of it.
Where Airflow starts tasks in a fresh interpreter, which it does on macOS, the byte is not shared and nothing is told.
"""

from __future__ import annotations

import mmap
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_LOOK_EVERY_SECONDS = 0.2
_shutting_down = mmap.mmap(-1, 1)
"""Anonymous memory, which a fork shares: 1 in every process of a worker that is being shut down."""


def listen_in_worker(arguments: Sequence[str] | None = None) -> None:
    """Set the byte when Celery shuts this process down, if it is a worker's main process.

    `arguments` are those of the `airflow` command; None: this process's own.
    """
    command = list(sys.argv[1:3] if arguments is None else arguments[:2])
    if command != ["celery", "worker"]:
        return
    from celery.signals import worker_shutting_down

    worker_shutting_down.connect(_begin, weak=False)


def _begin(**_: Any) -> None:
    _shutting_down[0] = 1


def is_shutting_down() -> bool:
    """Return whether the worker that this process belongs to is being shut down."""
    return _shutting_down[0] == 1


@contextmanager
def stopped_with_worker(stop: threading.Event) -> Iterator[None]:
    """Set `stop` within a moment of the worker's shutdown, as long as the block lasts."""
    over = threading.Event()

    def look() -> None:
        while not is_shutting_down():
            if over.wait(_LOOK_EVERY_SECONDS):
                return
        stop.set()

    watcher = threading.Thread(target=look, name="kombo-worker-shutdown", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
