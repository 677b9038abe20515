"""Three lanes with rows, delivered in this process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, create_engine

from kombo_provider.client import KomboClient
from kombo_provider.ledger import Ledger, RunRef, claims, lane_states, staging
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.selection import Selection
from kombo_provider.mapping import MappedRow
from kombo_provider.sending.deliver import DeliverReport, deliver
from kombo_provider.sending.options import SendOptions, Tuning
from kombo_sandbox.testing import API_KEY, Sandbox
from tests.waiting import PATIENCE_SECONDS

INTEGRATIONS = [f"ats{number}:4bTqXnR8vKc2LmYw7HdPz3J{number}" for number in range(3)]
RUN = RunRef("dag", "run")
CAP, ROWS = 10, 60
PATIENT = Tuning(first_pause=0.1, longest_pause=0.4, first_backoff=0.02, longest_backoff=0.1, patience=1.5)


def sqlite_in(folder: Path) -> Engine:
    """An engine for a new file."""
    return create_engine(f"sqlite:///{folder / 'ledger.db'}", hide_parameters=True)


class ThreeLanes:
    """Three lanes with rows, and a client."""

    def __init__(self, sandbox: Sandbox, engine: Engine) -> None:
        self.sandbox = sandbox
        self.ledger = Ledger(engine)
        self.ledger.ensure()
        rows = [_row(integration, number) for integration in INTEGRATIONS for number in range(ROWS)]
        with self.ledger.transaction() as conn:
            staging.lock_source(conn, "s")
            staging.stage(conn, staging.Staging("s", "k", "application", RUN), rows)

    def open_lanes(self, cap: int = CAP) -> None:
        """Let the lanes start with half of a cap that Kombo has named before, instead of with one request."""
        with self.ledger.transaction() as conn:
            for integration in INTEGRATIONS:
                lane_states.set_state(conn, "k", integration, lane_states.LaneState.OPEN)
                lane_states.see_cap(conn, "k", integration, cap)

    def deliver(
        self,
        key: str = API_KEY,
        tuning: Tuning = PATIENT,
        timeout_seconds: float = PATIENCE_SECONDS,
        stop: threading.Event | None = None,
        read_file: Callable[[str], bytes] = lambda _: b"",
    ) -> DeliverReport:
        return deliver(
            self.ledger,
            KomboClient(api_key=key, base_url=self.sandbox.url, timeout_seconds=timeout_seconds),
            Selection("s", "k"),
            SendOptions(RUN, "holder", CAP, timeout_seconds, tuning),
            INTEGRATIONS,
            stop=stop or threading.Event(),
            read_file=read_file,
        )

    def statuses(self, integration: str) -> Counter[str]:
        with self.ledger.transaction() as conn:
            query = deliveries.select().where(deliveries.c.integration_id == integration)
            return Counter(row.status for row in conn.execute(query))

    def ready(self) -> dict[str, int]:
        with self.ledger.transaction() as conn:
            return claims.count_ready(conn, Selection("s", "k"))


def _row(integration: str, number: int) -> MappedRow:
    email = f"{integration[:4]}-{number}@example.com"
    payload = f'{{"candidate":{{"first_name":"A","last_name":"B","email_address":"{email}"}}}}'
    return MappedRow(integration, str(number), "job", payload, f"{number:064}", None, None, None, False, None, False)
