"""A long history goes through Airflow's own backfill: 36 months, killed once in the middle, counted at the end.

`make history ROWS=1000000`: PostgreSQL, a monthly DAG with the source of the hourly one, the sandbox without latency.
Prints what it did, writes it to bench/results/history.json, and fails where the books do not agree.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import requests

from include.demo.airflow_api import AirflowApi
from include.demo.environment import API_KEY, Airflow, Files, free_port
from include.demo.processes import Processes, raise_on_sigterm
from include.demo.stack import start_airflow
from kombo_sandbox.testing import SandboxProcess
from tests.postgres import PostgresServer
from tests.reliability.task_memory import TaskMemory
from tests.reliability.torture import ROOT

RESULTS = ROOT / "bench" / "results" / "history.json"
HISTORY, RESOLVE = "kombo_push_history", "kombo_resolve_in_doubt"
FROM, TO, MONTHS = "2023-01-01", "2025-12-31", 36
INTEGRATIONS = 2
LOOK_EVERY_SECONDS = 5.0
TRIES = 10
STANDS_STILL_SECONDS = 900.0
MIB_AT_MOST = 400
DAGS = '''"""Airflow DAGs: an hourly push, and a monthly one with the same source for the history."""

from kombo_provider.pipeline import kombo_push_dag, kombo_resolve_dag

SQL = """
SELECT p.id AS applicant_id, p.integration_id, 'job-' || p.id % 50 AS job_id, p.changed AS changed_at,
       'Ada' AS candidate__first_name, 'Lovelace' AS candidate__last_name,
       'ada-' || p.id || '@example.com' AS candidate__email_address,
       'Lisbon' AS candidate__location__city, 'PT' AS candidate__location__country
FROM people p
"""
COMMON = {{"source": "crm.people", "extract_sql": SQL, "write_back_table": "people", "write_back_key": "id",
          "approve_above": {approve_above}}}

hourly = kombo_push_dag(dag_id="kombo_push_people", schedule="@hourly", first_run="from_now", **COMMON)
history = kombo_push_dag(dag_id="kombo_push_history", schedule="@monthly", first_run="from_now", **COMMON)
doubts = kombo_resolve_dag(dag_id="kombo_resolve_in_doubt", source="crm.people", schedule=None,
                           write_back_table="people", write_back_key="id")
'''
PEOPLE = """
CREATE TABLE people (id bigint PRIMARY KEY, integration_id text, changed timestamptz, kombo_application_id text,
    kombo_application_remote_id text, kombo_candidate_id text, kombo_candidate_remote_id text,
    kombo_delivered_at timestamptz);
INSERT INTO people (id, integration_id, changed)
SELECT n, 'ats:' || n % {integrations}, timestamptz '2023-01-01Z' + (n - 0.5) / {rows} * interval '1096 days'
FROM generate_series(1, {rows}) n;
CREATE INDEX ON people (changed);
ANALYZE people
"""


@dataclass
class Scene:
    """An Airflow with its sandbox and warehouse, and what is told at the end."""

    rows: int
    airflow: Airflow
    api: AirflowApi
    sandbox: SandboxProcess
    dsn: str
    memory: TaskMemory
    complaints: list[str] = field(default_factory=list)

    def ask(self, query: str) -> list[Any]:
        """Ask the warehouse, which holds the ledger too."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query).fetchall()

    def statuses(self) -> dict[str, int]:
        """Count the ledger's rows."""
        if not self.ask("SELECT 1 FROM pg_tables WHERE tablename = 'kombo_deliveries'"):
            return {}
        return dict(self.ask("SELECT status, count(*) FROM kombo_deliveries GROUP BY status"))

    def call(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Ask Airflow, or have it do something."""
        token = requests.get(f"{self.airflow.url}/auth/token", timeout=60).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.request(method, f"{self.airflow.url}/api/v2{path}", headers=headers, json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs of the backfill."""
        found = self.call(f"/dags/{HISTORY}/dagRuns?limit=100")["dag_runs"]
        return [run for run in found if run["run_type"] == "backfill"]

    def task_instances(self) -> list[dict[str, Any]]:
        """Return the tasks of all runs; Airflow gives a hundred at a time."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.call(f"/dags/~/dagRuns/~/taskInstances?limit=100&offset={len(found)}")["task_instances"]
            if not page:
                return found
            found += page

    def backfill(self, reprocess: str = "none") -> None:
        """Begin a backfill of all months, as the form in Airflow's UI does; SQLite may be busy, and is asked again."""
        asked: dict[str, Any] = {"dag_id": HISTORY, "from_date": f"{FROM}T00:00:00Z", "to_date": f"{TO}T00:00:00Z"}
        asked |= {"max_active_runs": 2, "reprocess_behavior": reprocess, "dag_run_conf": {"confirm_rows": self.rows}}
        for left in reversed(range(TRIES)):
            try:
                self.call("/backfills", "POST", asked)
            except requests.HTTPError:
                if not left:
                    raise
                time.sleep(LOOK_EVERY_SECONDS)
            else:
                return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    rows: int = parser.parse_args().rows
    raise_on_sigterm()
    postgres = PostgresServer(durable=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _play(rows, postgres, Path(folder))
    finally:
        postgres.stop()


def _play(rows: int, postgres: PostgresServer, folder: Path) -> int:
    database = postgres.lend_database()
    postgres.execute(PEOPLE.format(rows=rows, integrations=INTEGRATIONS), database=database)
    dags, files = folder / "dags", Files(folder / "demo")
    dags.mkdir()
    (dags / "history.py").write_text(DAGS.format(approve_above=max(1, rows // 100)))
    airflow = Airflow(files, port=free_port(), schedule=True, dags=dags)
    with Processes(files.logs) as processes, SandboxProcess() as sandbox, TaskMemory() as memory:
        kombo = {"conn_type": "kombo", "host": sandbox.url, "password": API_KEY, "port": 443}
        kombo["extra"] = json.dumps({"timeout_seconds": 30})
        warehouse = {"conn_type": "postgres", "host": "127.0.0.1", "port": postgres.port, "login": "postgres"}
        environment = _on_postgresql(airflow.environment({}), postgres.url(postgres.lend_database()))

        def store(api: AirflowApi) -> None:
            api.put_connection("kombo_default", kombo)
            api.put_connection("warehouse_default", warehouse | {"schema": database})

        since = datetime.now(UTC)
        api = start_airflow(processes, airflow, environment, before_scheduler=store)
        for dag_id in (HISTORY, RESOLVE, "kombo_push_people"):
            api.wait_for_dag(dag_id, since)
            api.unpause(dag_id)
        scene = Scene(rows, airflow, api, sandbox, postgres.dsn(database), memory)
        return _finish(scene, _run(scene))


def _on_postgresql(environment: dict[str, str], url: str) -> dict[str, str]:
    """Have Airflow keep its own tables in a server.

    In SQLite 36 runs cannot be made at once beside a busy scheduler: Airflow takes half of a backfill back then, and
    its scheduler ends over the runs that are gone.
    """
    of_sqlite = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS"
    kept = {name: value for name, value in environment.items() if not name.startswith(of_sqlite)}
    return kept | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url}


def _run(scene: Scene) -> dict[str, Any]:
    """Send everything; return the figures."""
    began = time.monotonic()
    scene.backfill()
    killed = _wait(scene, kill_at=scene.rows // 2)
    seconds, unsettled = time.monotonic() - began, scene.statuses()
    print(f"the backfill has ended after {seconds / 60:.1f} min: {unsettled}", flush=True)
    if unsettled != {"delivered": scene.rows}:
        time.sleep(35)  # nothing is looked up before its call has timed out
        run_id = scene.api.trigger(RESOLVE)
        while scene.api.run_state(RESOLVE, run_id) not in ("success", "failed"):
            time.sleep(1)
        scene.backfill("failed")
        _wait(scene)
    runs = Counter(run["state"] for run in scene.runs())
    return {
        "rows": scene.rows,
        "seconds_of_the_first_go": round(seconds),
        "rows_per_second": round(scene.rows / seconds, 1),
        "killed_tasks": killed,
        "after_the_first_go": unsettled,
        "at_the_end": scene.statuses(),
        "runs": dict(runs),
        "peak_mib_by_task": scene.memory.by_task(scene.task_instances()),
    }


def _wait(scene: Scene, kill_at: int | None = None) -> int:
    """Return once all runs of the backfill have ended; kill all tasks that run when so many rows are delivered."""
    killed, moved_at, last, told = 0, time.monotonic(), (-1, -1), ""
    while True:
        states = Counter(run["state"] for run in scene.runs())
        delivered = scene.statuses().get("delivered", 0)
        line = f"{100 * delivered // scene.rows} % of {scene.rows} delivered, runs {dict(states)}"
        if line != told:
            print(line, flush=True)
            told = line
        if kill_at is not None and not killed and delivered >= kill_at:
            killed = sum(_kill(pid) for pid in scene.memory.running())
        if states and not states["queued"] + states["running"]:
            return killed
        if (delivered, states["success"] + states["failed"]) != last:
            moved_at, last = time.monotonic(), (delivered, states["success"] + states["failed"])
        if time.monotonic() - moved_at > STANDS_STILL_SECONDS:
            raise RuntimeError(f"nothing moves any more: {scene.statuses()}, {dict(states)}")
        time.sleep(LOOK_EVERY_SECONDS)


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _finish(scene: Scene, figures: dict[str, Any]) -> int:
    """Compare the books, print the figures; return the exit status."""
    summary = scene.sandbox.stats(summary=True)
    figures["creates"], figures["duplicates"] = summary["creates_total"], summary["duplicates"]
    staged, wrong = Counter[str](), []
    for run in scene.runs():
        path = f"/dags/{HISTORY}/dagRuns/{run['dag_run_id']}/taskInstances/report/xcomEntries/report?deserialize=true"
        counts = dict(scene.call(path)["value"]["extracted"])
        wrong += [] if counts["extracted"] == sum(counts.values()) - counts["extracted"] else [run["dag_run_id"]]
        staged.update(counts)
    figures["staged"] = dict(+staged)
    figures["written_back"] = scene.ask("SELECT count(*) FROM people WHERE kombo_application_id IS NOT NULL")[0][0]
    delivered, in_doubt = (figures["at_the_end"].get(status, 0) for status in ("delivered", "in_doubt"))
    peak = max(figures["peak_mib_by_task"].values())
    checks = {
        f"a run's counts do not add up: {wrong}": not wrong,
        "a row is neither delivered nor left to a person": delivered + in_doubt == scene.rows,
        "somebody was created twice": not figures["duplicates"],
        "what is delivered and what was created differ": delivered <= figures["creates"] <= delivered + in_doubt,
        "ids are missing in the table": figures["written_back"] == delivered,
        f"there are not {MONTHS} runs": sum(figures["runs"].values()) == MONTHS,
        "no task was killed": figures["killed_tasks"] > 0,
        f"a task took {peak} MiB": peak <= MIB_AT_MOST,
    }
    figures["complaints"] = [complaint for complaint, holds in checks.items() if not holds]
    figures["machine"] = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
    return 1 if figures["complaints"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
