"""What the tests of fairness share: applicants in lanes, pipelines of a minute's schedule, and the sandbox's books."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from kombo_sandbox.testing import SandboxProcess
from tests.conftest import ROOT

LOOK_EVERY_SECONDS = 0.5
EXTRACT = (ROOT / "include" / "sql" / "extract_applicants.sql").read_text()
PIPELINE = '''"""Airflow DAG: a pipeline for a test of fairness."""

from datetime import timedelta

from kombo_provider.pipeline import kombo_push_dag

dag = kombo_push_dag(
    dag_id="{dag_id}",
    source="{source}",
    extract_sql="""{sql}""",
    write_back_table="{table}",
    {more}
)
'''


def write_pipeline(dags: Path, dag_id: str, more: str, *, table: str = "applicants") -> None:
    """Write a DAG file; its source is named after its table."""
    dags.mkdir(exist_ok=True)
    sql = EXTRACT.replace("FROM applicants AS a", f"FROM {table} AS a")
    text = PIPELINE.format(dag_id=dag_id, source=f"test.{table}", sql=sql, table=table, more=more)
    (dags / f"{dag_id}.py").write_text(text)


def add(
    warehouse: Path, emails: Iterable[tuple[str, str]], *, at: datetime | None = None, table: str = "applicants"
) -> None:
    """Add an applicant for each pair of integration and e-mail, as of `at` or now."""
    stamp = (at or datetime.now(UTC)).isoformat(sep=" ")
    rows = [(str(uuid4()), integration_id, stamp, email) for integration_id, email in emails]
    with closing(sqlite3.connect(warehouse, timeout=60)) as database, database:
        database.executemany(
            f"INSERT INTO {table} (applicant_id, integration_id, job_id, changed_at, candidate__first_name, "
            "candidate__last_name, candidate__email_address) VALUES (?, ?, 'j', ?, 'Ada', 'Applicant', ?)",
            rows,
        )


def empty(warehouse: Path, *further_tables: str) -> None:
    """Take the demo's applicants out, and make further tables like theirs."""
    with closing(sqlite3.connect(warehouse, timeout=60)) as database, database:
        database.execute("DELETE FROM applicants")
        for table in further_tables:
            (made,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'applicants'").fetchone()
            database.execute(made.replace("applicants", table, 1))


@dataclass
class Books:
    """Looks into the sandbox's books again and again: when a create was first there, what was in flight when."""

    sandbox: SandboxProcess
    created: dict[str, float] = field(default_factory=dict)
    looks: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Books:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(LOOK_EVERY_SECONDS):
            stats, at = self.sandbox.stats(), time.time()
            self.looks.append((at, stats["in_flight"]))
            for create in stats["creates"]:
                self.created.setdefault(create["email"], at)

    def waits(self, added: dict[str, float]) -> list[float]:
        """Return how many seconds after their time each of the applicants was created; all were."""
        return sorted(self.created[email] - at for email, at in added.items())

    def share_of_cap(self, lane: str, cap: int, began: float, ended: float) -> float:
        """Return the lane's use of its cap between two times."""
        seen = [in_flight.get(lane, 0) for at, in_flight in self.looks if began <= at <= ended]
        return sum(seen) / len(seen) / cap

    def first_request(self, lane: str) -> float | None:
        """Return when a request of the lane was seen first."""
        return next((at for at, in_flight in self.looks if in_flight.get(lane)), None)
