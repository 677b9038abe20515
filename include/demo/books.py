"""Reads the demo's two books: the ledger beside the applicants, and what the sandbox has created."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from include.demo.environment import SOURCE

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

BY_STATUS: Final = """
    SELECT status, count(*), coalesce(sum(sent_at >= :since), 0) FROM kombo_deliveries
    WHERE source = :source GROUP BY status
"""
WRITTEN_BACK: Final = """
    SELECT count(*) FROM kombo_deliveries d JOIN applicants a USING (applicant_id, integration_id)
    WHERE d.source = :source AND d.status = 'delivered' AND a.kombo_application_id = d.kombo_application_id
      AND a.kombo_candidate_id IS d.kombo_candidate_id AND a.kombo_delivered_at IS NOT NULL
"""
NOT_IN_LEDGER: Final = """
    SELECT count(*) FROM applicants a LEFT JOIN kombo_deliveries d
      ON d.source = :source AND d.integration_id = a.integration_id AND d.applicant_id = a.applicant_id
    WHERE a.applicant_id IS NOT NULL AND d.applicant_id IS NULL
"""
SAMPLES: Final = """
    SELECT applicant_id, substr(integration_id, 1, instr(integration_id, ':') - 1),
           kombo_application_id, kombo_candidate_id, kombo_delivered_at
    FROM applicants WHERE kombo_application_id IS NOT NULL
    ORDER BY substr(applicant_id, -2), applicant_id LIMIT 3
"""
PROBLEMS: Final = """
    SELECT applicant_id, problems FROM kombo_deliveries
    WHERE source = :source AND status = 'invalid' ORDER BY applicant_id
"""


@dataclass(frozen=True)
class Counts:
    """The ledger's deliveries by status, and how many of them were sent since a certain instant."""

    by_status: dict[str, int]
    sent_since: dict[str, int]

    @property
    def done(self) -> int:
        """How many have been sent and answered since then."""
        return sum(count for status, count in self.sent_since.items() if status not in {"ready", "sending"})

    @property
    def waiting(self) -> int:
        """How many are still to be sent or answered."""
        return self.by_status.get("ready", 0) + self.by_status.get("sending", 0)


class Warehouse:
    """The SQLite file, opened for reading, for one query at a time."""

    def __init__(self, file: Path) -> None:
        self._address = f"file:{quote(str(file))}?mode=ro"

    def counts(self, since: datetime) -> Counts:
        """Return the ledger's counts; all zero before its tables exist."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'kombo_deliveries'"):
            return Counts({}, {})
        instant = f"{since:%Y-%m-%d %H:%M:%S.%f}"
        counts = Counts({}, {})
        for status, in_all, sent in self._rows(BY_STATUS, since=instant):
            counts.by_status[status] = in_all
            counts.sent_since[status] = sent
        return counts

    def rows(self) -> int:
        """Return how many applicants the source table holds."""
        return self._number("SELECT count(*) FROM applicants")

    def rows_without_key(self) -> int:
        """Return how many of them cannot enter the ledger."""
        return self._number("SELECT count(*) FROM applicants WHERE applicant_id IS NULL")

    def not_in_ledger(self) -> int:
        """Return how many rows with a key the ledger does not know."""
        return self._number(NOT_IN_LEDGER)

    def written_back(self) -> int:
        """Return how many delivered rows hold the ledger's ids in the source table."""
        return self._number(WRITTEN_BACK)

    def samples(self) -> list[tuple[str, ...]]:
        """Return three rows with their ids."""
        return [tuple(str(value) for value in row) for row in self._rows(SAMPLES)]

    def problems(self) -> dict[str, list[str]]:
        """Return each bad row's reasons."""
        found = {}
        for applicant_id, problems in self._rows(PROBLEMS):
            found[applicant_id] = [f"{one['field']}: {one['problem']}" for one in json.loads(problems or "[]")]
        return found

    def _number(self, query: str) -> int:
        return int(self._rows(query)[0][0])

    def _rows(self, query: str, **values: str) -> list[Any]:
        # Read only, and for one query at a time: the run writes into this file meanwhile, and must not wait for us.
        with closing(sqlite3.connect(self._address, uri=True, timeout=30)) as database:
            return database.execute(query, {"source": SOURCE, **values}).fetchall()
