"""One mapped Airflow task for each applicant, run by Airflow in a process and a database of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

DAGS = Path(__file__).parent / "dags"


def measure(url: str, rows: int) -> dict[str, Any]:
    """Return wall and CPU seconds of a run; what Airflow needs to start is not in them.

    `dag.test()` starts no process for a task, as a worker would: a real one needs more.
    """
    with tempfile.TemporaryDirectory(prefix="kombo-bench-airflow-") as home:
        settings = {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "KOMBO_BENCH_URL": url,
            "KOMBO_BENCH_ROWS": str(rows),
        }
        command = [sys.executable, "-m", "bench.mapped"]
        done = subprocess.run(command, env={**os.environ, **settings}, check=True, stdout=subprocess.PIPE, text=True)
    return {"rows": rows, **json.loads(done.stdout.strip().splitlines()[-1])}


def _run_dag() -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    dag = DagBag(str(DAGS / "one_task_each.py"), collect_dags=True).dags["one_task_each"]
    wall, cpu = time.perf_counter(), time.process_time()
    ended = dag.test()
    if str(ended.state) != "success":
        raise RuntimeError(f"the run ended as {ended.state}")
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    _run_dag()
