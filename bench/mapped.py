"""One mapped Airflow task for each applicant, run by Airflow in a process and a database of its own."""

from __future__ import annotations

import json
import time
from typing import Any

from bench.measuring import DAGS, run_in_own_airflow


def measure(url: str, rows: int) -> dict[str, Any]:
    """Return wall and CPU seconds of a run; what Airflow needs to start is not in them.

    `dag.test()` starts no process for a task, as a worker would: a real one needs more.
    """
    settings = {"KOMBO_BENCH_URL": url, "KOMBO_BENCH_ROWS": str(rows)}
    return {"rows": rows, **run_in_own_airflow("bench.mapped", (), settings)}


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
