"""Parsing a DAG file loads settings and operators only; the rooms below load when a task runs, as far as it works."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import ROOT

LOADED_WHEN_PARSED = {
    *("kombo_provider", "kombo_provider.errors", "kombo_provider.pipeline", "kombo_provider.provider_info"),
    *("kombo_provider.hooks", "kombo_provider.hooks.kombo", "kombo_provider.doubts", "kombo_provider.doubts.replies"),
    *("kombo_provider.operators", "kombo_provider.worker_shutdown"),
}
PROBE = "import json, runpy, sys; runpy.run_path(sys.argv[1]); print(json.dumps(sorted(sys.modules)), file=sys.stderr)"


@pytest.mark.parametrize("dag_file", sorted((ROOT / "dags").glob("*.py")), ids=lambda path: path.stem)
def test_a_dag_file_loads_no_room_below_the_operators(dag_file: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(dag_file)], capture_output=True, text=True, check=True, timeout=300
    )
    loaded = set(json.loads(done.stderr.strip().splitlines()[-1]))
    ours = {name for name in loaded if name.split(".")[0] == "kombo_provider"}

    assert {name for name in ours if not name.startswith("kombo_provider.operators.")} <= LOADED_WHEN_PARSED
    assert "pandas" not in loaded


HEAVY = ["numpy", "pandas", "requests", "sqlglot", "kombo_provider.mapping", "kombo_provider.source.reader"]
"""Each takes a tenth of a second and more to load, in each task of each run."""

IDLE_TASKS = """
import json, sys
from types import SimpleNamespace
from kombo_provider.pipeline import kombo_push_dag

dag = kombo_push_dag(
    dag_id="push",
    source="crm",
    extract_sql="SELECT * FROM people",
    write_back_table="written",
    write_back_key="applicant_id",
    schedule=None,
)
ti = SimpleNamespace(
    dag_id="push",
    xcom_push=lambda **_: None,
    xcom_pull=lambda **_: None,
    get_ti_count=lambda **_: 0,
    get_task_states=lambda **_: {},
)
dag_run = SimpleNamespace(run_id="manual", run_type="manual", conf={})
loaded = {}
for task_id in ("write_back", "report", "stage"):
    context = {"ti": ti, "dag_run": dag_run, "dag": dag, "params": {}}
    dag.task_dict[task_id].execute(context)
    loaded[task_id] = [name for name in json.loads(sys.argv[1]) if name in sys.modules]
print(json.dumps(loaded), file=sys.stderr)
"""


def test_tasks_with_nothing_to_do_load_no_library_that_only_work_needs(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "warehouse.db")) as connection:
        connection.execute(
            "CREATE TABLE people (applicant_id TEXT, integration_id TEXT, job_id TEXT, candidate__email_address TEXT, "
            "candidate__first_name TEXT, candidate__last_name TEXT)"
        )
        connection.execute(
            "CREATE TABLE written (applicant_id TEXT, kombo_application_id, kombo_application_remote_id, "
            "kombo_candidate_id, kombo_candidate_remote_id, kombo_delivered_at)"
        )
    connections = {
        "AIRFLOW_CONN_KOMBO_DEFAULT": {"conn_type": "kombo", "host": "http://127.0.0.1:9", "password": "key"},
        "AIRFLOW_CONN_WAREHOUSE_DEFAULT": {"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")},
    }
    environment = {**os.environ, **{name: json.dumps(value) for name, value in connections.items()}}
    command = [sys.executable, "-c", IDLE_TASKS, json.dumps(HEAVY)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stderr.strip().splitlines()[-1])

    # The SELECT's columns are checked whatever it returns, and what they may be is the mapping's to say.
    rooms = ["kombo_provider.mapping", "kombo_provider.source.reader"]
    assert loaded == {"write_back": [], "report": [], "stage": rooms}
