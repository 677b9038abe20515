"""A ledger in both databases, watched by a clock of the test's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from kombo_provider.errors import NotifierError
from kombo_provider.ledger import Ledger, RunRef, staging
from kombo_provider.ledger._run_tables import alerts, runs
from kombo_provider.ledger._tables import deliveries, lanes
from kombo_provider.operators.settings import WatchSettings
from kombo_provider.watch.messages import Message
from kombo_provider.watch.tell import Told
from kombo_provider.watch.watch import watch
from tests.unit.ledger.conftest import ledger, open_ledger

__all__ = ["ledger", "open_ledger"]

CONNECTION, SOURCE, DAG_ID = "kombo_default", "crm.applicants", "kombo_push"
BEGIN = datetime(2026, 11, 23, 10, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PAGE = "https://airflow.example.com"


@dataclass
class Inbox:
    """A notifier that keeps what it was told; it fails while `fails` says so."""

    messages: list[Message] = field(default_factory=list)
    fails: bool = False

    def __call__(self, message: Message) -> None:
        if self.fails:
            raise NotifierError("ConnectionRefusedError")
        self.messages.append(message)

    def take(self) -> list[str]:
        """Return the headlines of what came since the last time, in no order."""
        taken = sorted(message.headline for message in self.messages)
        self.messages.clear()
        return taken


@dataclass
class Airflow:
    """What Airflow says: which runs are over, which DAGs are paused or deleted."""

    over: set[RunRef] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def run_is_over(self, run: RunRef) -> bool | None:
        return run in self.over

    def is_paused(self, dag_id: str) -> bool | None:
        return dag_id in self.paused

    def is_gone(self, dag_id: str) -> bool:
        return dag_id in self.gone


@dataclass
class Watched:
    """A ledger, the time, who is told, and short words for what goes wrong."""

    ledger: Ledger
    at: datetime = BEGIN
    inbox: Inbox = field(default_factory=Inbox)
    airflow: Airflow = field(default_factory=Airflow)
    limits: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Inbox] = field(default_factory=dict)

    def look(self, after: timedelta = timedelta(minutes=10)) -> list[str]:
        """Watch once, later; return the headlines of what was told."""
        self.at += after
        self.watch()
        return self.inbox.take()

    def watch(self, ledger: Ledger | None = None) -> Told:
        """Watch once, now."""
        return watch(
            ledger or self.ledger,
            CONNECTION,
            WatchSettings(**self.limits).limits,
            airflow=self.airflow,
            notifiers={"inbox": self.inbox, **self.others},
            base_url=PAGE,
            clock=lambda _conn: self.at,
        )

    def lane(self, name: str, state: str, code: str | None = None, **values: Any) -> None:
        """Have a lane stand since now."""
        with self.ledger.transaction() as conn:
            self._put(conn, name, {"state": state, "code": code, "since": self.at, **values})

    def _put(self, conn: Connection, name: str, values: Mapping[str, Any]) -> None:
        here = lanes.c.kombo_conn_id == CONNECTION, lanes.c.integration_id == name
        if not conn.execute(lanes.update().where(*here).values(values)).rowcount:
            conn.execute(lanes.insert().values(kombo_conn_id=CONNECTION, integration_id=name, **values))

    def rows(self, name: str, status: str, count: int = 1, source: str = SOURCE, **values: Any) -> None:
        """Have rows of a status, staged and sent now."""
        staged = {"source": source, "integration_id": name, "status": status, "kombo_conn_id": CONNECTION}
        same = {**staged, "endpoint": "application", "payload_sha256": "x", "staged_at": self.at, "sent_at": self.at}
        with self.ledger.transaction() as conn:
            staging.lock_source(conn, source)
            conn.execute(
                deliveries.insert(),
                [{**same, "applicant_id": f"{status}-{self.at}-{n}", **values} for n in range(count)],
            )

    def settle(self, name: str, status: str = "delivered") -> None:
        """Have all rows of a lane leave."""
        with self.ledger.transaction() as conn:
            conn.execute(deliveries.update().where(deliveries.c.integration_id == name).values(status=status))

    def run(
        self,
        *,
        new: Mapping[str, int] | None = None,
        statuses: Mapping[str, Mapping[str, int]] | None = None,
        extracted: int | None = 100,
        ended: bool = True,
        began: datetime | None = None,
        source: str = SOURCE,
        dag_id: str = DAG_ID,
        kind: str = "scheduled__",
    ) -> RunRef:
        """Have a run that began now, and did this for each integration."""
        began = began or self.at
        ref = RunRef(dag_id, f"{kind}{began.isoformat()}")
        same = {"source": source, **ref._asdict(), "kombo_conn_id": CONNECTION, "began_at": began}
        same["ended_at"] = began + timedelta(minutes=2) if ended else None
        parts: dict[str, dict[str, Any]] = {"": {"counts": {} if extracted is None else {"extracted": extracted}}}
        for name, rows in (new or {}).items():
            parts.setdefault(name, {})["counts"] = {"new": rows}
        for name, found in (statuses or {}).items():
            parts.setdefault(name, {})["statuses"] = found
        with self.ledger.transaction() as conn:
            staging.lock_source(conn, source)
            entered = [
                {
                    **same,
                    "integration_id": name,
                    "counts": json.dumps(part.get("counts", {})),
                    "statuses": json.dumps(part.get("statuses", {})),
                }
                for name, part in parts.items()
            ]
            conn.execute(runs.insert(), entered)
        return ref

    def alerts(self) -> list[Any]:
        """Return what the ledger remembers of alerts, oldest first."""
        with self.ledger.transaction() as conn:
            return list(conn.execute(select(alerts).order_by(alerts.c.alert_id)))


@pytest.fixture
def watched(ledger: Ledger) -> Watched:
    """A ledger of which nothing is known yet."""
    return Watched(ledger)
