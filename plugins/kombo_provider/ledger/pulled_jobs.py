"""Kombo's jobs with their stages and screening questions, for people who write the SELECT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete

from kombo_provider.ledger._bulk import upsert
from kombo_provider.ledger._sync_tables import job_questions, job_stages, jobs
from kombo_provider.ledger.ledger import now


@dataclass(frozen=True, slots=True)
class Job:
    """One job; each part is a row of its table by column, without the ids that it shares with the job."""

    record: dict[str, Any]
    stages: Sequence[dict[str, Any]]
    questions: Sequence[dict[str, Any]]


def store(conn: Connection, integration_id: str, found: Sequence[Job]) -> None:
    """Store one page; what a job no longer has goes."""
    if not found:
        return
    at = now(conn)
    once = list({job.record["id"]: job for job in found}.values())
    rows = [job.record | {"integration_id": integration_id, "synced_at": at} for job in once]
    conn.execute(upsert(conn, jobs), rows)
    ids = [job.record["id"] for job in once]
    for table, parts in ((job_stages, [j.stages for j in once]), (job_questions, [j.questions for j in once])):
        conn.execute(delete(table).where(table.c.integration_id == integration_id, table.c.job_id.in_(ids)))
        of_jobs = [
            part | {"integration_id": integration_id, "job_id": name}
            for name, several in zip(ids, parts, strict=True)
            for part in several
        ]
        if of_jobs:
            conn.execute(upsert(conn, table), of_jobs)
