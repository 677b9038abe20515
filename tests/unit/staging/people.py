"""A table of applicants and a ledger in one database, staged without Airflow."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from kombo_provider.ledger import Ledger, RunRef, claims
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.staging import Staging
from kombo_provider.source.reader import SourceReader
from kombo_provider.staging.stage import StageOptions, StageReport, stage
from kombo_provider.staging.stager import MappingOptions
from kombo_provider.write_back.write_back import WriteBack

SELECTION = Selection("crm", "kombo")
IDS = (
    "kombo_application_id",
    "kombo_application_remote_id",
    "kombo_candidate_id",
    "kombo_candidate_remote_id",
)


class Source:
    """A table of applicants, and the ledger, in one database."""

    def __init__(self, engine: Engine, ledger: Ledger) -> None:
        self.engine, self.ledger, self.target = engine, ledger, False
        self.run("CREATE TABLE people (id INTEGER, ats TEXT, changed TEXT)")

    def run(self, statement: str) -> None:
        with self.engine.begin() as conn:
            conn.exec_driver_sql(statement)

    def add(self, ids: range, ats: str, changed: str = "2026-03-01 10:00:00") -> None:
        rows = ", ".join(f"({number}, '{ats}', '{changed}')" for number in ids)
        self.run(f"INSERT INTO people (id, ats, changed) VALUES {rows}")

    def stage(self, **options: Any) -> StageReport:
        return self.stage_from("people", **options)

    def stage_from(
        self,
        table: str,
        run: str = "now",
        more: str = "NULL AS stage_id",
        report: StageReport | None = None,
        **options: Any,
    ) -> StageReport:
        select = (
            "SELECT id AS applicant_id, ats AS integration_id, 'job' AS job_id, changed AS changed_at, "
            "'Ada' AS candidate__first_name, 'L' AS candidate__last_name, "
            f"'a@b.co' AS candidate__email_address, {more} FROM {table}"
        )
        whom = Staging("crm", "kombo", "application", RunRef("push", run))
        given = StageOptions(staging=whom, mapping=MappingOptions(), **{"approve_above": 3, **options})
        reader = SourceReader(self.engine, select, where="test.sql")
        target = WriteBack(self.engine, "people", "id") if self.target else None
        return stage(self.ledger, reader, given, selection=SELECTION, target=target, report=report)

    def give_target(self) -> None:
        """Let the table take ids."""
        for name in (*IDS, "kombo_delivered_at"):
            self.run(f"ALTER TABLE people ADD COLUMN {name} TEXT")
        self.target = True

    def has_id(self, number: int, application_id: str) -> None:
        self.run(f"UPDATE people SET kombo_application_id = '{application_id}' WHERE id = {number}")

    def holds(self) -> list[tuple[str, str | None]]:
        with self.ledger.transaction() as conn:
            rows = conn.exec_driver_sql("SELECT applicant_id, hold FROM kombo_deliveries ORDER BY applicant_id")
            return [(row[0], row[1]) for row in rows]

    def leave_undecided(self) -> None:
        """Stage as a run that is killed before it has decided."""
        self.run("UPDATE kombo_deliveries SET hold = 'undecided' WHERE integration_id = 'many'")

    def claimed_by_an_older_run(self, ats: str) -> int:
        with self.ledger.transaction() as conn:
            return len(claims.claim(conn, SELECTION, ats, 100, RunRef("push", "older")))
