"""One round: a table, a sandbox, processes that are killed, a plain re-run, and what must hold after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, inspect, text

from include.sandbox.testing import Sandbox

ROOT = Path(__file__).parents[2]
INTEGRATIONS = [f"ats{number}:4bTqXnR8vKc2LmYw7HdPz3J{number}" for number in range(3)]
SELECT = (
    "SELECT id AS applicant_id, integration AS integration_id, 'remote:7' AS job_id, 'Ada' AS candidate__first_name,"
    " 'Lovelace' AS candidate__last_name, email AS candidate__email_address FROM people"
)
TABLE = (
    "CREATE TABLE people (id integer PRIMARY KEY, integration text, email text, kombo_application_id text,"
    " kombo_application_remote_id text, kombo_candidate_id text, kombo_candidate_remote_id text,"
    " kombo_delivered_at text)"
)


@dataclass
class Round:
    """A database and a sandbox with so many applicants, and the processes that send them."""

    database: str
    sandbox: Sandbox
    applicants: int = 200
    cap: int = 30
    timeout_seconds: float = 1.5
    kombo: str | None = None
    broken: Sequence[str] = ()
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine: Engine = create_engine(self.database)
        people = [
            {"id": n, "integration": INTEGRATIONS[n % len(INTEGRATIONS)], "email": f"p{n}@example.com"}
            for n in range(self.applicants)
        ]
        with self.engine.begin() as conn:
            conn.execute(text(TABLE))
            conn.execute(text("INSERT INTO people (id, integration, email) VALUES (:id, :integration, :email)"), people)

    def start(self, *, holder: str | None = None, **told: Any) -> subprocess.Popen[bytes]:
        """Start a sending process."""
        run = uuid.uuid4().hex[:8]
        told = {
            "run": run,
            "holder": holder or run,
            "database": self.database,
            "kombo": self.kombo or self.sandbox.url,
            "timeout_seconds": self.timeout_seconds,
            "cap": self.cap,
            "integrations": INTEGRATIONS,
            "select": SELECT,
            "broken": list(self.broken),
        } | told
        command = [sys.executable, "-m", "tests.reliability.sending_process", json.dumps(told)]
        environment = os.environ | {"PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}", "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(command, cwd=ROOT, env=environment)
        self.processes.append(process)
        return process

    def run(self, **told: Any) -> int:
        """Run a sending process to its end, which may be its death; return its exit code."""
        return self.start(**told).wait(timeout=60)

    def on_the_wire(self) -> int:
        """How many intents a dead process left open."""
        if not inspect(self.engine).has_table("kombo_deliveries"):
            return 0  # it died before it had made the ledger
        return self._count("SELECT count(*) FROM kombo_deliveries WHERE status = 'sending'")

    def statuses(self) -> Counter[str]:
        with self.engine.connect() as conn:
            rows = conn.execute(text("SELECT status, count(*) FROM kombo_deliveries GROUP BY status")).all()
        return Counter({row[0]: row[1] for row in rows})

    def complaints(self) -> list[str]:
        """What does not hold after the last re-run; empty is good."""
        found = []
        creates = self.sandbox.creates()
        if twice := {key: count for key, count in creates.items() if count > 1}:
            found.append(f"{len(twice)} applicants created twice or more: {sorted(twice.items())[:3]}")
        statuses = self.statuses()
        if statuses.total() != self.applicants:
            found.append(f"{self.applicants - statuses.total()} rows are not in the ledger")
        if unsettled := {s: n for s, n in statuses.items() if s not in ("delivered", "in_doubt")}:
            found.append(f"not settled: {unsettled}")
        delivered = self._emails("status = 'delivered'")
        created = {email for _, _, email in creates}
        if claimed := delivered - created:
            found.append(f"{len(claimed)} rows count as delivered and were never created")
        if hidden := created - delivered - self._emails("status = 'in_doubt'"):
            found.append(f"{len(hidden)} rows were created and count as neither delivered nor in doubt")
        if without_ids := self._count(
            "SELECT count(*) FROM people p JOIN kombo_deliveries d ON d.applicant_id = CAST(p.id AS text)"
            " WHERE d.status = 'delivered' AND p.kombo_application_id IS NULL"
        ):
            found.append(f"{without_ids} delivered rows have no id in the table")
        peaks = self.sandbox.stats(summary=True)["peak_in_flight"]
        if above := {name: peak for name, peak in peaks.items() if peak > self.cap}:
            found.append(f"more in flight than {self.cap}: {above}")
        return found

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.engine.dispose()

    def _count(self, sql: str) -> int:
        with self.engine.connect() as conn:
            return int(conn.execute(text(sql)).scalar_one())

    def _emails(self, condition: str) -> set[str]:
        sql = (
            "SELECT p.email FROM people p JOIN kombo_deliveries d ON d.applicant_id = CAST(p.id AS text)"
            f" WHERE d.{condition}"
        )
        with self.engine.connect() as conn:
            return set(conn.execute(text(sql)).scalars())
