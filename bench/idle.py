"""What our DAGs cost where there is nothing to do: a run under Airflow's scheduler, and the parse of a DAG file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import hourly
from bench.measuring import DAGS
from include.demo.airflow_api import AirflowApi
from include.demo.environment import API_KEY, Airflow, Files, free_port
from include.demo.processes import Processes
from include.demo.stack import start_airflow

CONTENDERS = ("push", "empty_tasks")
LEDGER_ROWS = 10_000
PARSED = Path(__file__).parents[1] / "dags" / "kombo_push_applicants.py"
_PARSE = """
import runpy, sys, time
runpy.run_path(sys.argv[1])
began = time.perf_counter()
runpy.run_path(sys.argv[2])
print(1000 * (time.perf_counter() - began))
"""


def measure(folder: Path, repetitions: int) -> dict[str, list[float]]:
    """Return the seconds of each run, from its start to its end as Airflow has them, of both DAGs in turn."""
    files = Files(folder / "airflow")
    airflow = Airflow(files, port=free_port(), schedule=False, dags=DAGS / "idle")
    warehouse = folder / "idle.db"
    hourly.fill(f"sqlite:///{warehouse}", LEDGER_ROWS)
    kombo: dict[str, object] = {"conn_type": "kombo", "host": "http://127.0.0.1:9", "password": API_KEY}
    connections: dict[str, dict[str, object]] = {
        "kombo_default": kombo,
        "warehouse_default": {"conn_type": "sqlite", "host": str(warehouse)},
    }
    with Processes(files.logs) as processes:
        since = datetime.now(UTC)
        api = start_airflow(processes, airflow, airflow.environment(connections))
        for dag_id in CONTENDERS:
            api.wait_for_dag(dag_id, since)
            api.unpause(dag_id)
            _run(api, dag_id)  # the first run of all makes what the others find
        found: dict[str, list[float]] = {dag_id: [] for dag_id in CONTENDERS}
        for _ in range(repetitions):
            for dag_id in CONTENDERS:
                found[dag_id].append(api.run_seconds(dag_id, _run(api, dag_id)))
    return found


def parse_milliseconds(repetitions: int) -> list[float]:
    """Return what the demo's push DAG costs, each in a new process, beyond what a DAG of Airflow's own has loaded."""
    command = [sys.executable, "-c", _PARSE, str(DAGS / "one_task_each.py"), str(PARSED)]
    settings = {**os.environ, "KOMBO_BENCH_ROWS": "1", "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"}

    def parse() -> float:
        done = subprocess.run(command, env=settings, check=True, stdout=subprocess.PIPE, text=True)
        return float(done.stdout.split()[-1])

    return [parse() for _ in range(repetitions)]


def _run(api: AirflowApi, dag_id: str) -> str:
    run_id = api.trigger(dag_id)
    while (state := api.run_state(dag_id, run_id)) not in ("success", "failed"):
        time.sleep(0.2)
    if state != "success":
        raise RuntimeError(f"a run of {dag_id} ended as {state}")
    return run_id
