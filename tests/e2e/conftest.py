"""A sandbox, a warehouse and a real Airflow metadata database for end-to-end tests."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pytest

from include.demo.warehouse import SOURCE_COLUMNS, WRITE_BACK_COLUMNS
from kombo_sandbox.testing import API_KEY, Sandbox
from tests.conftest import MADE_DAGS, ROOT
from tests.e2e.airflow_runs import Run, run_again, run_backfill, run_dag, run_scheduled
from tests.waiting import PATIENCE_SECONDS

__all__ = ["Run", "Warehouse", "connect", "run_again", "run_backfill", "run_dag", "run_scheduled"]

GREENHOUSE = "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"
WORKDAY = "workday:HWUTwvyx2wLoSUHphiWVrp28"
PERSONIO = "personio:8Kd3WmZx5RtQpLv2NfYh7GcB"
JOB = "7sWpGf2XkLr9TzQn4VbHyJ6c"


@cache
def _make_airflow_database() -> None:
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session", autouse=True)
def _airflow_database() -> None:
    """Once in a test run, though two folders of tests ask for it."""
    _make_airflow_database()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@dataclass
class Warehouse:
    """A SQLite warehouse with the demo's table, empty."""

    path: Path

    def execute(self, sql: str, parameters: Any = ()) -> list[Any]:
        with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
            return connection.execute(sql, parameters).fetchall()

    def add(self, number: int, **columns: Any) -> None:
        """Add a valid applicant, except for what is given."""
        columns = {
            "applicant_id": f"a-{number}",
            "integration_id": GREENHOUSE,
            "job_id": JOB,
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

    def status_of(self, applicant_id: str) -> str | None:
        found = self.execute("SELECT status FROM kombo_deliveries WHERE applicant_id = ?", (applicant_id,))
        return str(found[0][0]) if found else None

    def delivered(self) -> set[str]:
        rows = self.execute("SELECT applicant_id FROM kombo_deliveries WHERE status = 'delivered'")
        return {row[0] for row in rows}

    def watermark(self) -> str | None:
        rows = self.execute("SELECT watermark FROM kombo_sources")
        return str(rows[0][0]) if rows and rows[0][0] else None


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Warehouse:
    found = Warehouse(tmp_path / "warehouse.db")
    columns = ", ".join(f"{name} {kind}" for name, kind in (SOURCE_COLUMNS | WRITE_BACK_COLUMNS).items())
    found.execute(f"CREATE TABLE applicants ({columns})".replace(" UNIQUE", ""))
    connect(monkeypatch, sandbox.url, found.path)
    return found


def connect(monkeypatch: pytest.MonkeyPatch, url: str, path: Path, *, key: str = API_KEY, **extra: Any) -> None:
    """Set the two connections that the DAGs use."""
    kombo = {
        "conn_type": "kombo",
        "host": url,
        "password": key,
        "extra": {"timeout_seconds": PATIENCE_SECONDS, **extra},
    }
    monkeypatch.setenv("AIRFLOW_CONN_KOMBO_DEFAULT", json.dumps(kombo))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", json.dumps({"conn_type": "sqlite", "host": str(path)}))


class MakesPipelines(Protocol):
    """Writes a DAG file that calls `kombo_push_dag` with these arguments, and returns its DAG id."""

    def __call__(self, **arguments: Any) -> str: ...


_NUMBERS = count(1)
_DAG_FILE = """# Airflow reads only files that hold the words airflow and dag.
import datetime
from kombo_provider.pipeline import kombo_push_dag

dag = kombo_push_dag(**{arguments!r})
"""


@pytest.fixture
def pipeline() -> Iterator[MakesPipelines]:
    made: list[Path] = []

    def make(**arguments: Any) -> str:
        dag_id = f"made_{next(_NUMBERS)}"
        arguments = {
            "dag_id": dag_id,
            "source": "demo.applicants",
            "extract_sql": str(ROOT / "include" / "sql" / "extract_applicants.sql"),
            "write_back_table": "applicants",
        } | arguments
        file = MADE_DAGS / f"{dag_id}.py"
        file.write_text(_DAG_FILE.format(arguments=arguments))
        made.append(file)
        return dag_id

    yield make
    for file in made:
        file.unlink()
