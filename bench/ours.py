"""The provider's own way from staged rows to written ids, without Airflow around it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pandas as pd
from sqlalchemy import Engine, create_engine

from bench.applicants import COLUMNS, SOURCE
from kombo_provider.client import KomboClient
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.doubts.resolve import resolve
from kombo_provider.ledger import LaneState, Ledger, RunRef, lane_states, staging
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.staging import Staging
from kombo_provider.mapping import RowMapper
from kombo_provider.sending.deliver import deliver
from kombo_provider.sending.options import SendOptions, Tuning
from kombo_provider.write_back.write_back import WriteBack
from kombo_sandbox.testing import API_KEY

CONNECTION = "kombo_default"
RUN = RunRef("bench", "run")


class Pipeline:
    """A ledger and a target table in one database, with rows staged and a lane whose limit is known."""

    def __init__(self, database_url: str, rows: Sequence[tuple[str, ...]], cap: int) -> None:
        self.engine: Engine = create_engine(database_url, **ENGINE_OPTIONS)
        # The ledger's engine begins its transactions its own way: it is not shared.
        self.ledger = Ledger(create_engine(database_url, **ENGINE_OPTIONS))
        self.ledger.ensure()
        self._cap = cap
        self._integrations = sorted({row[1] for row in rows})
        self._write_back = WriteBack(self.engine, "people", "id")
        self._make_target(rows)
        mapper = RowMapper(COLUMNS, endpoint="application")
        mapped = mapper.map_chunk(pd.DataFrame(rows, columns=COLUMNS, dtype=object))
        with self.ledger.transaction() as conn:
            staging.lock_source(conn, SOURCE)
            staging.stage(conn, Staging(SOURCE, CONNECTION, "application", RUN), mapped)
            for integration_id in self._integrations:
                lane_states.set_state(conn, CONNECTION, integration_id, LaneState.OPEN)
                lane_states.see_cap(conn, CONNECTION, integration_id, cap)

    def deliver(self, url: str, timeout_seconds: float, tuning: Tuning | None = None) -> None:
        """Send what is ready, and write the ids back."""
        options = SendOptions(RUN, "bench", self._cap, timeout_seconds, tuning or Tuning())
        client = KomboClient(api_key=API_KEY, base_url=url, timeout_seconds=timeout_seconds)
        selection = Selection(SOURCE, CONNECTION)
        stop = threading.Event()
        deliver(self.ledger, client, selection, options, self._integrations, stop=stop, read_file=lambda _: b"")
        self._write_back.run(self.ledger, SOURCE)
        client.close()

    def resolve(self, url: str) -> None:
        """Look up what is in doubt."""
        client = KomboClient(api_key=API_KEY, base_url=url)
        resolve(self.ledger, client, SOURCE, CONNECTION, RUN)
        client.close()

    def statuses(self) -> dict[str, int]:
        """Return how many deliveries have each status."""
        query = "SELECT status, count(*) FROM kombo_deliveries GROUP BY status"
        with self.engine.connect() as conn:
            return {str(status): int(count) for status, count in conn.exec_driver_sql(query)}

    def close(self) -> None:
        """Let the database go."""
        self.ledger.engine.dispose()
        self.engine.dispose()

    def _make_target(self, rows: Sequence[tuple[str, ...]]) -> None:
        kind = "TIMESTAMPTZ" if self.engine.dialect.name == "postgresql" else "TIMESTAMP"
        ids = ("application_id", "application_remote_id", "candidate_id", "candidate_remote_id")
        columns = ", ".join(f"kombo_{name} TEXT" for name in ids)
        mark = "%s" if self.engine.dialect.name == "postgresql" else "?"
        with self.engine.begin() as conn:
            conn.exec_driver_sql(f"CREATE TABLE people (id TEXT PRIMARY KEY, {columns}, kombo_delivered_at {kind})")
            conn.exec_driver_sql(f"INSERT INTO people (id) VALUES ({mark})", [(row[0],) for row in rows])
