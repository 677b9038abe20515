"""The demo's warehouse: one SQLite file with the table `applicants`, filled once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from include.demo.applicants import generate

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from include.demo.applicants import Row

SOURCE_COLUMNS: Final = {
    "applicant_id": "TEXT UNIQUE",
    "integration_id": "TEXT",
    "job_id": "TEXT",
    "changed_at": "TIMESTAMP",
    "candidate__first_name": "TEXT",
    "candidate__last_name": "TEXT",
    "candidate__email_address": "TEXT",
    "candidate__phone_number": "TEXT",
    "candidate__company": "TEXT",
    "candidate__title": "TEXT",
    "candidate__gender": "TEXT",
    "candidate__availability_date": "DATE",
    "candidate__location__country": "TEXT",
    "candidate__location__city": "TEXT",
    "candidate__location__zip_code": "TEXT",
    "candidate__location__street_1": "TEXT",
    "candidate__salary_expectations__amount": "NUMERIC",
    "candidate__salary_expectations__period": "TEXT",
    "candidate__social_links": "TEXT",
    "gdpr_consent__given": "BOOLEAN",
    "gdpr_consent__expires_at": "DATE",
    "screening_question_answers": "TEXT",
    "attachments": "TEXT",
}
"""A column for each alias of include/sql/extract_applicants.sql."""

WRITE_BACK_COLUMNS: Final = {
    "kombo_application_id": "TEXT",
    "kombo_application_remote_id": "TEXT",
    "kombo_candidate_id": "TEXT",
    "kombo_candidate_remote_id": "TEXT",
    "kombo_delivered_at": "TIMESTAMP",
}


def fill(file: Path, now: datetime) -> int:
    """Make the table and its rows unless it has some; return how many were added."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=30)) as database, database:
        columns = ", ".join(f"{name} {kind}" for name, kind in (SOURCE_COLUMNS | WRITE_BACK_COLUMNS).items())
        database.execute(f"CREATE TABLE IF NOT EXISTS applicants ({columns})")
        if database.execute("SELECT EXISTS (SELECT 1 FROM applicants)").fetchone()[0]:
            return 0
        return _insert(database, generate(now))


def _insert(database: sqlite3.Connection, rows: list[Row]) -> int:
    names = ", ".join(SOURCE_COLUMNS)
    marks = ", ".join(f":{name}" for name in SOURCE_COLUMNS)
    database.executemany(f"INSERT INTO applicants ({names}) VALUES ({marks})", rows)  # noqa: S608 - our own names
    return len(rows)
