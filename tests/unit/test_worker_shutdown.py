"""Tasks forked from a Celery worker's main process learn of its shutdown; in other processes nothing listens."""

from __future__ import annotations

import subprocess
import sys

SCENE = """
import os, sys, threading
from celery.signals import worker_shutting_down
from kombo_provider.worker_shutdown import is_shutting_down, listen_in_worker, stopped_with_worker

listen_in_worker(sys.argv[1:])
ready, begun = os.pipe()
child = os.fork()
if child == 0:
    stop = threading.Event()
    with stopped_with_worker(stop):
        os.write(begun, b"1")
        os._exit(0 if stop.wait(float(sys.argv[3])) else 1)
os.read(ready, 1)
assert not is_shutting_down()
worker_shutting_down.send(sender="celery@host", sig="SIGTERM", how="Warm", exitcode=0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def play(*command: str) -> int:
    """Fork a task from a process that an `airflow` command started, and shut that down; return 0 if it was told."""
    return subprocess.run([sys.executable, "-c", SCENE, *command], check=False, timeout=300).returncode


def test_a_task_of_a_worker_that_is_shut_down_is_told() -> None:
    assert play("celery", "worker", "60") == 0


def test_nothing_listens_in_other_processes() -> None:
    assert play("kombo", "doctor", "1") == 1
