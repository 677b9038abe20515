"""Airflow's REST API, as far as the demo needs it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import requests

from include.demo.failure import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMEOUT_SECONDS: Final = 90
START_SECONDS: Final = 180
FAULTS_SECONDS: Final = 30
POLL_SECONDS: Final = 0.2
ENDED: Final = frozenset({"success", "failed"})


@dataclass(frozen=True)
class Task:
    """One task instance of a run."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int

    def log_file(self, logs: Path, dag_id: str, run_id: str) -> Path:
        """Return where Airflow writes this try's log, by default."""
        folder = logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={self.task_id}"
        if self.map_index >= 0:
            folder /= f"map_index={self.map_index}"
        return folder / f"attempt={self.try_number}.log"


class AirflowApi:
    """Calls a local API server at which everyone is an admin; `check` raises where a component has died."""

    def __init__(self, url: str, check: Callable[[], None]) -> None:
        self._url = url
        self._check = check
        self._session = requests.Session()
        self._session.trust_env = False

    def wait_until_up(self) -> None:
        """Return once the server answers, with a token for the calls to come."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self._check()
            try:
                answer = self._session.get(f"{self._url}/auth/token", timeout=TIMEOUT_SECONDS)
            except requests.ConnectionError:
                time.sleep(POLL_SECONDS)
                continue
            if answer.ok:
                self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
                return
            time.sleep(POLL_SECONDS)
        raise DemoError(f"Airflow's API server did not answer at {self._url} within {START_SECONDS} s.")

    def wait_for_dag(self, dag_id: str, since: datetime) -> None:
        """Return once the DAG file has been read after `since`; raise DemoError where it cannot be imported."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self._check()
            self._raise_import_errors(since)
            dag = self._get(f"/dags/{dag_id}", or_none=True)
            if dag and dag["last_parsed_time"] and datetime.fromisoformat(dag["last_parsed_time"]) >= since:
                return
            time.sleep(POLL_SECONDS)
        raise DemoError(f"Airflow did not find the DAG {dag_id} within {START_SECONDS} s.")

    def _raise_import_errors(self, since: datetime) -> None:
        for error in self._get("/importErrors")["import_errors"]:
            if datetime.fromisoformat(error["timestamp"]) >= since:
                raise DemoError(f"{error['filename']} cannot be imported:\n{error['stack_trace']}")

    def dag_ids(self) -> list[str]:
        """Return the ids of all DAGs found so far."""
        return [dag["dag_id"] for dag in self._get("/dags?limit=100")["dags"]]

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run the DAG."""
        self._send("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str) -> str:
        """Start a manual run; return its id."""
        run_id = f"demo__{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}"
        answer = self._call("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "dag_run_id": run_id})
        if answer.status_code != HTTPStatus.CONFLICT:  # the first try has made it
            _json(answer)
        return run_id

    def end_runs(self, dag_id: str) -> None:
        """Mark all runs that have not ended as failed."""
        path = f"/dags/{dag_id}/dagRuns"
        for run in self._get(f"{path}?state=queued&state=running&limit=100")["dag_runs"]:
            self._send("PATCH", f"{path}/{run['dag_run_id']}", {"state": "failed"})

    def put_connection(self, connection_id: str, fields: dict[str, object]) -> None:
        """Store a connection in Airflow's database, in place of one that is there."""
        body = {"connection_id": connection_id, **fields}
        action = {"action": "create", "entities": [body], "action_on_existence": "overwrite"}
        said = self._send("PATCH", "/connections", {"actions": [action]})["create"]
        if said["errors"]:
            raise DemoError(f"Airflow did not store the connection {connection_id}: {said['errors']}")

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return queued, running, success or failed."""
        self._check()
        return str(self._get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def run_seconds(self, dag_id: str, run_id: str) -> float:
        """Return how long a run that has ended took, by Airflow's own clock."""
        run = self._get(f"/dags/{dag_id}/dagRuns/{run_id}")
        began, ended = (datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
        return (ended - began).total_seconds()

    def tasks(self, dag_id: str, run_id: str) -> list[Task]:
        """Return the run's task instances."""
        found = self._get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000")["task_instances"]
        return [Task(t["task_id"], t["map_index"], t["state"], t["try_number"]) for t in found]

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task returned."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value?deserialize=true"
        return self._get(path)["value"]

    def _get(self, path: str, *, or_none: bool = False) -> Any:
        answer = self._call("GET", path)
        if or_none and answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return _json(answer)

    def _send(self, method: str, path: str, body: dict[str, Any]) -> Any:
        return _json(self._call(method, path, body))

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        """Call, and again for a while where the server has a fault: it does while SQLite is busy."""
        deadline = time.monotonic() + FAULTS_SECONDS
        while True:
            self._check()
            answer = self._session.request(method, f"{self._url}/api/v2{path}", json=body, timeout=TIMEOUT_SECONDS)
            if answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR or time.monotonic() > deadline:
                return answer
            time.sleep(POLL_SECONDS)


def _json(answer: requests.Response) -> Any:
    if not answer.ok:
        call = f"{answer.request.method} {answer.request.path_url}"
        raise DemoError(f"Airflow answered {answer.status_code} to {call}: {answer.text[:500]}")
    return answer.json()
