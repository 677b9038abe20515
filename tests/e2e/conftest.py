"""A sandbox, a warehouse and a real Airflow metadata database for end-to-end tests."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.sandbox.testing import API_KEY, Sandbox
from tests.conftest import ROOT

@pytest.fixture(scope="session", autouse=True)
def _airflow_database() -> None:
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@dataclass
class Warehouse:
    """A SQLite warehouse with the demo's table, empty."""

    path: Path

    def execute(self, sql: str, parameters: Any = ()) -> list[Any]:
        with sqlite3.connect(self.path, timeout=30) as connection:
            rows = connection.execute(sql, parameters).fetchall()
        connection.close()
        return rows

    def add(self, number: int, **columns: Any) -> None:
        """Add a valid applicant, except for what is given."""
        columns = {
            "applicant_id": f"a-{number}",
            "integration_id": "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js",
            "job_id": "7sWpGf2XkLr9TzQn4VbHyJ6c",
            "changed_at": datetime.now(UTC).isoformat(sep=" "),
            "candidate__first_name": "Ada",
            "candidate__last_name": f"Applicant {number}",
            "candidate__email_address": f"ada{number}@example.com",
        } | columns
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        self.execute(f"INSERT INTO applicants ({names}) VALUES ({marks})", tuple(columns.values()))

    def statuses(self) -> dict[str, int]:
        return dict(self.execute("SELECT status, count(*) FROM kombo_deliveries GROUP BY status"))


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Warehouse:
    from include.demo.warehouse import SOURCE_COLUMNS, WRITE_BACK_COLUMNS

    found = Warehouse(tmp_path / "warehouse.db")
    columns = ", ".join(f"{name} {kind}" for name, kind in (SOURCE_COLUMNS | WRITE_BACK_COLUMNS).items())
    found.execute(f"CREATE TABLE applicants ({columns})".replace(" UNIQUE", ""))
    connect(monkeypatch, sandbox.url, found.path)
    return found


def connect(monkeypatch: pytest.MonkeyPatch, url: str, path: Path, *, key: str = API_KEY, **extra: Any) -> None:
    kombo = {"conn_type": "kombo", "host": url, "password": key, "extra": {"timeout_seconds": 20, **extra}}
    monkeypatch.setenv("AIRFLOW_CONN_KOMBO_DEFAULT", json.dumps(kombo))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", json.dumps({"conn_type": "sqlite", "host": str(path)}))


def run_dag(dag_id: str = "kombo_push_applicants", **params: Any) -> Run:
    """Run a DAG of dags/ with Airflow, all tasks in this process, as `dag.test()` does."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(ROOT / "dags"), collect_dags=True)
    assert not bag.import_errors, bag.import_errors
    dag = bag.dags[dag_id]
    for task in dag.tasks:
        task.retries = 0
    dag_run = dag.test(run_conf=params)
    return Run(dag_run)


class Run:
    """A finished run."""

    def __init__(self, dag_run: Any) -> None:
        self.state = str(dag_run.state)
        self.run_id = dag_run.run_id
        self._dag_run = dag_run

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        with create_session() as session:
            query = XComModel.get_many(run_id=self.run_id, key=key, task_ids=task_id, dag_ids=self._dag_run.dag_id)
            row = session.scalars(query).first()
            return XComModel.deserialize_value(row) if row is not None else None

    @property
    def task_states(self) -> dict[str, str]:
        return {ti.task_id: str(ti.state) for ti in self._dag_run.get_task_instances()}
