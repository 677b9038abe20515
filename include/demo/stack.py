"""Starts what the demo needs: one at a time, the sandbox and Airflow's components."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import sqlite3
import time
from contextlib import closing
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import requests

from include.demo.airflow_api import AirflowApi
from include.demo.environment import DAG_ID, LOCALHOST, PROJECT
from include.demo.failure import DemoError
from include.demo.sandbox_setup import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.demo.environment import Airflow, Files
    from include.demo.processes import Processes

SANDBOX_START_SECONDS: Final = 30
MIGRATE_SECONDS: Final = 300


class Sandbox:
    """The local Kombo, as a child process."""

    def __init__(self, processes: Processes, files: Files) -> None:
        where = ("--host", LOCALHOST, "--port", "0", "--state", str(files.sandbox_state), "--max-idle-seconds", "0")
        processes.start("sandbox", ("kombo_sandbox", *where), os.environ | {"PYTHONPATH": str(PROJECT)})
        self._session = requests.Session()
        self._session.trust_env = False
        self.url = self._wait(processes)
        self._call("POST", "config", SETTINGS)

    def books(self) -> tuple[int, int]:
        """Return how many applications it has created, and how many of them were there already."""
        stats = self._call("GET", "stats?summary=1")
        return int(stats["creates_total"]), int(stats["duplicates"])

    def _wait(self, processes: Processes) -> str:
        deadline = time.monotonic() + SANDBOX_START_SECONDS
        while time.monotonic() < deadline:
            processes.check()
            said = re.search(rf"http://{re.escape(LOCALHOST)}:\d+/v1", processes.log("sandbox").read_text())
            if said:
                return said.group()
            time.sleep(0.05)
        raise DemoError(f"The sandbox did not start. Its log: {processes.log('sandbox')}")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        address = f"{self.url.removesuffix('/v1')}/_sandbox/{path}"
        answer = self._session.request(method, address, json=body, timeout=20)
        if not answer.ok:
            raise DemoError(f"The sandbox answered {answer.status_code} to {path}: {answer.text[:500]}")
        return answer.json()


def start_airflow(
    processes: Processes,
    airflow: Airflow,
    environment: dict[str, str],
    *,
    triggerer: bool = False,
    before_scheduler: Callable[[AirflowApi], None] | None = None,
) -> AirflowApi:
    """Start Airflow's components; return its API once it answers."""
    _migrate(processes, airflow.files, environment)
    processes.start("api-server", ("airflow", "api-server"), environment)
    processes.start("dag-processor", ("airflow", "dag-processor"), environment)
    # Logs are read from the files, by the API server on the same machine: no server for them, no port.
    if triggerer:
        processes.start("triggerer", ("airflow", "triggerer", "--skip-serve-logs"), environment)
    api = AirflowApi(airflow.url, processes.check)
    if _unfinished_runs(airflow.files):
        # Left by a demo that was stopped: its tasks count as running until Airflow misses their heartbeats.
        api.wait_until_up()
        api.end_runs(DAG_ID)
    if before_scheduler:
        api.wait_until_up()
        before_scheduler(api)
    processes.start("scheduler", ("airflow", "scheduler", "--skip-serve-logs"), environment, ends_first=True)
    api.wait_until_up()
    return api


def _unfinished_runs(files: Files) -> int:
    found = files.airflow_home / "airflow.db"
    if not found.exists():  # Airflow was told to keep its tables elsewhere
        return 0
    with closing(sqlite3.connect(found, timeout=30)) as database:
        query = "SELECT count(*) FROM dag_run WHERE dag_id = ? AND state IN ('queued', 'running')"
        return int(database.execute(query, (DAG_ID,)).fetchone()[0])


def _migrate(processes: Processes, files: Files, environment: dict[str, str]) -> None:
    """Bring Airflow's database to the installed version, unless that was done before."""
    done = files.airflow_home / f"database-of-{version('apache-airflow-core')}"
    if done.exists():
        return
    files.airflow_home.mkdir(parents=True, exist_ok=True)
    processes.start("airflow-db", ("airflow", "db", "migrate"), environment)
    processes.finish("airflow-db", MIGRATE_SECONDS)
    done.touch()


@contextlib.contextmanager
def alone(files: Files) -> Iterator[None]:
    """Refuse to run beside another demo over the same files."""
    files.root.mkdir(parents=True, exist_ok=True)
    with files.lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            lock.seek(0)
            raise DemoError(
                f"Another `make demo` or `make up` (process {lock.read().strip()}) is running here. Stop it first."
            ) from exc
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
