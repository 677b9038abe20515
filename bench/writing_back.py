"""Writing ids into a big table, beside one bare `UPDATE … FROM` of the same rows."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, create_engine, text

from bench.applicants import INTEGRATION, SOURCE
from bench.measuring import Contender, Figure, compare
from bench.ours import CONNECTION
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger
from kombo_provider.write_back.write_back import WriteBack

IDS = ("application_id", "application_remote_id", "candidate_id", "candidate_remote_id")
SERIES = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :rows) SELECT n FROM s",
    "postgresql": "SELECT generate_series(1, :rows) AS n",
}
"""By dialect, what gives the numbers from 1 to `rows`."""
_DELIVER = f"""
INSERT INTO kombo_deliveries (source, integration_id, applicant_id, status, kombo_conn_id, endpoint, payload_sha256,
    {", ".join(f"kombo_{name}" for name in IDS)}, staged_at, finished_at)
SELECT '{SOURCE}', '{INTEGRATION}', CAST(n AS TEXT), 'delivered', '{CONNECTION}', 'application', 'x',
    {", ".join(f"'{name}' || n" for name in IDS)}, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP
FROM ({{series}}) AS numbers
"""
_BARE = f"""
UPDATE people SET {", ".join(f"kombo_{name} = d.kombo_{name}" for name in IDS)}, kombo_delivered_at = d.finished_at
FROM kombo_deliveries AS d WHERE d.source = '{SOURCE}' AND d.applicant_id = people.id
"""
_EMPTY = f"""
UPDATE people SET {", ".join(f"kombo_{name} = NULL" for name in IDS)}, kombo_delivered_at = NULL
WHERE kombo_application_id IS NOT NULL
"""


class Target:
    """A table of `table_rows` rows, of which the ledger beside it has delivered the first `ids`."""

    def __init__(self, url: str, table_rows: int, ids: int) -> None:
        self.engine: Engine = create_engine(url, **ENGINE_OPTIONS)
        self.ledger = Ledger(create_engine(url, **ENGINE_OPTIONS))
        self.ledger.ensure()
        self._ids = ids
        instant = "TIMESTAMPTZ" if self.engine.dialect.name == "postgresql" else "TIMESTAMP"
        columns = ", ".join(f"kombo_{name} TEXT" for name in IDS)
        series = SERIES[self.engine.dialect.name]
        with self.engine.begin() as conn:
            conn.execute(text(f"CREATE TABLE people (id TEXT PRIMARY KEY, {columns}, kombo_delivered_at {instant})"))
            people = f"INSERT INTO people (id) SELECT CAST(n AS TEXT) FROM ({series}) AS numbers"
            conn.execute(text(people), {"rows": table_rows})
            conn.execute(text(_DELIVER.format(series=series)), {"rows": ids})
        with self.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
            conn.execute(text("ANALYZE"))

    def write_back(self) -> None:
        """Do as a run does: find each row, write its ids, see that they stand there, note it in the ledger."""
        report = WriteBack(self.engine, "people", "id").run(self.ledger, SOURCE)
        if report.written != self._ids:
            raise RuntimeError(f"{report.written} of {self._ids} ids were written")

    def bare_update(self) -> None:
        """Write the same ids with one statement that trusts everything."""
        with self.engine.begin() as conn:
            conn.execute(text(_BARE))

    def close(self) -> None:
        """Let the database go."""
        self.engine.dispose()
        self.ledger.close()


def measure(new_database: Callable[[], str], table_rows: int, ids: int, repetitions: int) -> dict[str, Figure]:
    """Return the figures of writing `ids` rows' ids; each contender has a table of its own, written anew each time."""
    ours, bare = Target(new_database(), table_rows, ids), Target(new_database(), table_rows, ids)

    def prepared(target: Target, act: Callable[[], None]) -> Contender:
        def prepare() -> Callable[[], None]:
            with target.engine.begin() as conn:
                conn.execute(text("UPDATE kombo_deliveries SET written_back_at = NULL"))
                # SQLite writes no page in which nothing changes: the same ids once more would cost half of new ones.
                conn.execute(text(_EMPTY))
            return act

        return prepare

    try:
        contenders = {
            "kombo_provider": prepared(ours, ours.write_back),
            "bare UPDATE FROM": prepared(bare, bare.bare_update),
        }
        return compare(contenders, repetitions)
    finally:
        ours.close()
        bare.close()
