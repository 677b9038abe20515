"""What a run on PostgreSQL tells OpenLineage and StatsD, through Airflow's own provider and client."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from kombo_sandbox.testing import Sandbox
from tests.conftest import ROOT
from tests.e2e.conftest import GREENHOUSE, JOB, MakesPipelines
from tests.postgres import PostgresServer

CANARY = "zoe.canary@example.com"
TABLES = f"""
CREATE SCHEMA crm;
CREATE TABLE crm.people (id text PRIMARY KEY, company int, mail text, kombo_application_id text,
    kombo_application_remote_id text, kombo_candidate_id text, kombo_candidate_remote_id text,
    kombo_delivered_at timestamptz);
CREATE TABLE companies (number int, ats_key text);
INSERT INTO companies VALUES (1, '{GREENHOUSE}');
INSERT INTO crm.people VALUES ('p-1', 1, 'ada@example.com'), ('p-2', 1, 'no address'), ('p-3', 1, '{CANARY}');
"""
SELECT = f"""
WITH wanted AS (SELECT * FROM crm.people WHERE mail <> '{CANARY}')
SELECT w.id AS applicant_id, c.ats_key AS integration_id, '{JOB}' AS job_id,
       'Ada' AS candidate__first_name, 'Lovelace' AS candidate__last_name, w.mail AS candidate__email_address
FROM wanted w JOIN Companies c ON c.number = w.company
"""

NAMED = {"applicant_ids": ["p-1", "p-2"]}
LEDGER_AND_TABLES = ("public.kombo_deliveries", "crm.people", "public.companies")


@pytest.fixture
def dag_id(
    postgres_server: PostgresServer,
    postgres_database: str,
    sandbox: Sandbox,
    pipeline: MakesPipelines,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """A pipeline over two tables of PostgreSQL: one row is sent, one is invalid, one is left out by its address."""
    kombo = {"conn_type": "kombo", "host": sandbox.url, "password": "sandbox-key"}
    login = {"host": "127.0.0.1", "port": postgres_server.port, "login": "postgres", "schema": postgres_database}
    monkeypatch.setenv("AIRFLOW_CONN_KOMBO_DEFAULT", json.dumps(kombo))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", json.dumps({"conn_type": "postgres", **login}))
    with psycopg.connect(postgres_server.dsn(postgres_database)) as connection:
        connection.execute(TABLES)
    return pipeline(
        source="crm.people", extract_sql=SELECT, write_back_table="crm.people", write_back_key="id", min_failed=5
    )


def run(dag_id: str, conf: dict[str, Any], **settings: str) -> None:
    """Run the DAG in an Airflow that has these settings from its start."""
    command = [sys.executable, "-m", "airflow", "dags", "test", dag_id, "--conf", json.dumps(conf)]
    done = subprocess.run(command, env=os.environ | settings, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def statsd(prefix: str = "af") -> Iterator[tuple[dict[str, str], list[str]]]:
    """Listen as a StatsD server does; give the settings that lead to it, and at the end the lines that came."""
    lines: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        server.bind(("127.0.0.1", 0))
        settings = {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(server.getsockname()[1])}
        settings["STATSD_PREFIX"] = prefix
        yield {f"AIRFLOW__METRICS__{name}": value for name, value in settings.items()}, lines
        server.setblocking(False)
        try:
            while True:
                lines += server.recv(65536).decode().splitlines()
        except BlockingIOError:
            return


def test_a_run_tells_openlineage_and_statsd_names_and_numbers_and_never_the_sql_or_an_applicant(
    dag_id: str, tmp_path: Path, sandbox: Sandbox, postgres_server: PostgresServer, postgres_database: str
) -> None:
    told = tmp_path / "events.jsonl"
    transport = json.dumps({"type": "file", "log_file_path": str(told), "append": True})
    tagged = {"AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True"}
    patient = {"AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "120", "AIRFLOW__CORE__TASK_SUCCESS_OVERTIME": "150"}
    with statsd() as (settings, lines):
        run(dag_id, NAMED, AIRFLOW__OPENLINEAGE__TRANSPORT=transport, **settings, **tagged, **patient)
    text = told.read_text()
    events = [json.loads(line) for line in text.splitlines()]
    flow = {task: _flow(events, f"{dag_id}.{task}") for task in ("stage", "deliver", "write_back")}
    place = f"postgres://127.0.0.1:{postgres_server.port} {postgres_database}"
    ledger, people, companies = (f"{place}.{name}" for name in LEDGER_AND_TABLES)
    assert flow["stage"] == ({people, companies}, {ledger})
    assert flow["deliver"] == ({ledger}, {f"kombo://{urlsplit(sandbox.url).netloc} {GREENHOUSE}/applications"})
    assert flow["write_back"] == ({ledger}, {people})
    columns = {name: fields for event in events for name, fields in _columns(event).items()}
    assert columns[companies] == {"ats_key", "number"}
    assert {"applicant_id", "integration_id", "candidate__email_address"} <= columns[ledger]
    assert [hidden for hidden in (CANARY, "WITH wanted", "ada@example.com") if hidden in text] == []
    assert "p-1" in text, "Airflow's own facets hold a run's conf, as docs/monitoring.md says"
    assert "p-1" not in json.dumps(_without_conf(events)), "nothing of ours names an applicant"

    ours = sorted(line.removeprefix("af.kombo.") for line in lines if line.startswith("af.kombo."))
    timed = [line for line in ours if line.startswith("request_duration")]
    assert [line.partition(":")[0] for line in timed] == [f"request_duration,dag_id={dag_id}"]
    assert [line for line in ours if line not in timed] == [
        f"in_doubt,dag_id={dag_id}:0|g",
        f"lanes_stopped,dag_id={dag_id}:0|g",
        f"rows,dag_id={dag_id},status=delivered:1|c",
        f"rows,dag_id={dag_id},status=invalid:1|c",
    ]


def _flow(events: list[Any], job: str) -> tuple[set[str], set[str]]:
    """Return what a task's complete event names as read and as written."""
    (done,) = [event for event in events if event["job"]["name"] == job and event["eventType"] == "COMPLETE"]
    return _names(done["inputs"]), _names(done["outputs"])


def _without_conf(told: Any) -> Any:
    """Return what was told, less the `conf` of a run in Airflow's own facets."""
    if isinstance(told, dict):
        return {name: _without_conf(value) for name, value in told.items() if name != "conf"}
    return [_without_conf(one) for one in told] if isinstance(told, list) else told


def _names(datasets: list[Any]) -> set[str]:
    return {f"{one['namespace']} {one['name']}" for one in datasets}


def _columns(event: Any) -> dict[str, set[str]]:
    found = {}
    for one in [*event["inputs"], *event["outputs"]]:
        if "schema" in one["facets"]:
            found[f"{one['namespace']} {one['name']}"] = {field["name"] for field in one["facets"]["schema"]["fields"]}
    return found
