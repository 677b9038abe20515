"""One round: a table, a sandbox, processes that are killed, a plain re-run, and what must hold after it."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, inspect, text

from kombo_provider.ledger import Endpoint
from kombo_sandbox.testing import API_KEY, Sandbox
from tests.postgres import PostgresServer
from tests.reliability import run_process

ROOT = Path(__file__).parents[2]
KILLED = -9
ROUTES: dict[Endpoint, str] = {
    "application": "POST /ats/jobs/{job_id}/applications",
    "candidate": "POST /ats/candidates",
}
INTEGRATIONS = [f"ats{number}:4bTqXnR8vKc2LmYw7HdPz3J{number}" for number in range(3)]
TABLE = (
    "CREATE TABLE people (id integer PRIMARY KEY, integration text, email text, changed_at text,"
    " kombo_application_id text, kombo_application_remote_id text, kombo_candidate_id text,"
    " kombo_candidate_remote_id text, kombo_delivered_at text)"
)
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([run_process.__name__])


@dataclass
class Round:
    """A database and a sandbox with so many applicants, and the processes that send them."""

    database: str
    sandbox: Sandbox
    applicants: int = 200
    cap: int = 30
    timeout_seconds: float = 10.0
    lease_seconds: float = 1.5
    kombo: str | None = None
    endpoint: Endpoint = "application"
    broken: Sequence[str] = ()
    processes: list[ForkServerProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine: Engine = create_engine(self.database)
        changed_at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 3600))
        people = [
            {
                "id": n,
                "integration": INTEGRATIONS[n % len(INTEGRATIONS)],
                "email": f"p{n}@example.com",
                "changed_at": changed_at,
            }
            for n in range(self.applicants)
        ]
        insert = (
            "INSERT INTO people (id, integration, email, changed_at) VALUES (:id, :integration, :email, :changed_at)"
        )
        with self.engine.begin() as conn:
            conn.execute(text(TABLE))
            conn.execute(text(insert), people)

    def start(
        self,
        *,
        run_id: str | None = None,
        backfill: bool = False,
        kill_at: tuple[str, int] | None = None,
        patience_seconds: float = 120,
    ) -> ForkServerProcess:
        """Start a run of the DAG's tasks in a process of its own."""
        extra = {"timeout_seconds": self.timeout_seconds, "max_in_flight": self.cap}
        told = {
            "run_id": run_id or uuid.uuid4().hex[:8],
            "backfill": backfill,
            "kill_at": kill_at,
            "patience_seconds": patience_seconds,
            "database": self.database,
            "connection": {
                "conn_type": "kombo",
                "host": self.kombo or self.sandbox.url,
                "password": API_KEY,
                "extra": extra,
            },
            "lease_seconds": self.lease_seconds,
            "endpoint": self.endpoint,
            "broken": list(self.broken),
        }
        process = _FORKS.Process(target=run_process.main, args=(told,))
        process.start()
        self.processes.append(process)
        return process

    def run(self, **told: Any) -> int:
        """Run the tasks to their end, which may be a death; return the exit code."""
        return ended(self.start(**told))

    def start_busy(self, requests: int = 10, **told: Any) -> ForkServerProcess:
        """Start a run and return when it has so many requests on the wire, or has ended."""
        process = self.start(**told)
        while process.is_alive() and self.in_flight() < requests:
            time.sleep(0.02)
        return process

    def in_flight(self) -> int:
        """How many creates the sandbox works on."""
        return sum(self.sandbox.stats(summary=True)["in_flight"].values())

    def busiest_lane(self) -> int:
        """How many creates the sandbox works on for one integration at most."""
        return max(self.sandbox.stats(summary=True)["in_flight"].values(), default=0)

    def on_the_wire(self) -> int:
        """How many intents are open, or were left open by a dead process."""
        return self.statuses()["sending"]

    def statuses(self) -> Counter[str]:
        """Count the deliveries by status; there are none before a process has made the ledger."""
        if not inspect(self.engine).has_table("kombo_deliveries"):
            return Counter()
        with self.engine.connect() as conn:
            rows = conn.execute(text("SELECT status, count(*) FROM kombo_deliveries GROUP BY status")).all()
        return Counter({row[0]: row[1] for row in rows})

    def held_lanes(self) -> int:
        """How many lanes have a holder."""
        return self._count("SELECT count(*) FROM kombo_lanes WHERE lease_holder IS NOT NULL")

    def complaints(self) -> list[str]:
        """What does not hold after the last re-run; empty is good."""
        return [*self._about_creates(), *self._about_the_ledger()]

    def _about_creates(self) -> list[str]:
        found = []
        creates = self.sandbox.creates()
        if twice := {key: count for key, count in creates.items() if count > 1}:
            found.append(f"{len(twice)} applicants created twice or more: {sorted(twice.items())[:3]}")
        delivered, created = self._emails("status = 'delivered'"), {email for _, _, email in creates}
        if claimed := delivered - created:
            found.append(f"{len(claimed)} rows count as delivered and were never created")
        if hidden := created - delivered - self._emails("status = 'in_doubt'"):
            found.append(f"{len(hidden)} rows were created and count as neither delivered nor in doubt")
        stats = self.sandbox.stats(summary=True)
        if elsewhere := stats["by_route"].keys() & set(ROUTES.values()) - {ROUTES[self.endpoint]}:
            found.append(f"creates went to {elsewhere}")
        if above := {name: peak for name, peak in stats["peak_in_flight"].items() if peak > self.cap}:
            found.append(f"more in flight than {self.cap}: {above}")
        return found

    def _about_the_ledger(self) -> list[str]:
        found = []
        statuses = self.statuses()
        if statuses.total() != self.applicants:
            found.append(f"{self.applicants - statuses.total()} rows are not in the ledger")
        if unsettled := {s: n for s, n in statuses.items() if s not in ("delivered", "in_doubt")}:
            found.append(f"not settled: {unsettled}")
        for problem, query in _NONE_MAY_BE.items():
            if count := self._count(query):
                found.append(f"{count} {problem}")
        return found

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()
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


_NONE_MAY_BE = {
    "rows of the table lack the id that the ledger has": (
        "SELECT count(*) FROM people p JOIN kombo_deliveries d ON d.applicant_id = CAST(p.id AS text)"
        " WHERE p.kombo_delivered_at IS NULL AND d.status = 'delivered'"
        " OR coalesce(p.kombo_application_id, '') <> coalesce(d.kombo_application_id, '')"
    ),
    "rows have another number of attempts than of intents in their history": (
        "SELECT count(*) FROM kombo_deliveries d WHERE attempts <> (SELECT count(*) FROM kombo_delivery_events e"
        " WHERE e.applicant_id = d.applicant_id AND e.to_status = 'sending')"
    ),
    "rows have a history that ends in another status": (
        "SELECT count(*) FROM kombo_deliveries d WHERE status <> (SELECT to_status FROM kombo_delivery_events e"
        " WHERE e.applicant_id = d.applicant_id ORDER BY event_id DESC LIMIT 1)"
    ),
}


@contextmanager
def new_database(kind: str, postgres: PostgresServer) -> Iterator[str]:
    """Give the URL of an empty database, `sqlite` or `postgresql`, for a round of its own."""
    if kind == "postgresql":
        name = postgres.lend_database()
        yield postgres.url(name)
        postgres.take_back(name)
    else:
        with tempfile.TemporaryDirectory(prefix="kombo-round-") as folder:
            yield f"sqlite:///{Path(folder) / 'ledger.db'}"


def ended(process: ForkServerProcess, timeout_seconds: float = 300) -> int:
    """Wait for a process to end and return its exit code, -9 where it was killed."""
    process.join(timeout_seconds)
    code = process.exitcode
    assert code is not None, f"the process did not end within {timeout_seconds} s"
    return code
