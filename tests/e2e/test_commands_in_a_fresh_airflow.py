"""`airflow kombo …` in an Airflow whose connections were added to its own database, not to the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kombo_sandbox.testing import API_KEY, Sandbox
from tests.e2e.conftest import Warehouse

AIRFLOW = str(Path(sys.executable).with_name("airflow"))


@pytest.fixture
def fresh_airflow(warehouse: Warehouse, sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    """Return the environment of an Airflow with a new database that holds both connections."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN_")}
    environment["AIRFLOW_HOME"] = str(tmp_path)
    environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{tmp_path}/airflow.db"
    kombo = ["--conn-type", "kombo", "--conn-host", sandbox.url, "--conn-password", API_KEY]
    database = ["--conn-type", "sqlite", "--conn-host", str(warehouse.path)]
    airflow(environment, "db", "migrate")
    airflow(environment, "connections", "add", "kombo_default", *kombo)
    airflow(environment, "connections", "add", "warehouse_default", *database)
    return environment


def airflow(environment: dict[str, str], *words: str, code: int = 0) -> str:
    run = subprocess.run([AIRFLOW, *words], capture_output=True, text=True, check=False, env=environment, timeout=300)
    assert run.returncode == code, run.stdout + run.stderr
    return run.stdout + run.stderr


@pytest.mark.timeout(300)
def test_the_commands_read_connections_that_airflow_keeps(fresh_airflow: dict[str, str], warehouse: Warehouse) -> None:
    warehouse.add(1)
    preview = ("kombo", "preview", "kombo_push_applicants", "--applicant-id", "a-1")
    assert "ada1@example.com" in airflow(fresh_airflow, *preview)
    unread = airflow(fresh_airflow, "kombo", "drain", "kombo_push_applicants", code=1)
    assert "airflow dags reserialize" in unread, "a preview leaves nothing in Airflow's database"
    airflow(fresh_airflow, "dags", "reserialize")
    no_ledger = airflow(fresh_airflow, "kombo", "drain", "kombo_push_applicants", code=1)
    assert "no run has made one yet" in no_ledger
    airflow(fresh_airflow, "dags", "test", "kombo_push_applicants")
    assert "Nothing is on the wire" in airflow(fresh_airflow, "kombo", "drain", "kombo_push_applicants")
    assert "delivered" in airflow(fresh_airflow, "kombo", "explain", "kombo_push_applicants", "a-1")
