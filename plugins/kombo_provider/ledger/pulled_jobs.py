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
    once = {job.record["id"]: job for job in found}  # a list that moves while it is read may name a job twice
    own = {"integration_id": integration_id, "synced_at": now(conn)}
    conn.execute(upsert(conn, jobs), [job.record | own for job in once.values()])
    stages: list[dict[str, Any]] = []
    questions: list[dict[str, Any]] = []
    for job_id, job in once.items():
        of_job = {"integration_id": integration_id, "job_id": job_id}
        stages.extend(part | of_job for part in job.stages)
        questions.extend(part | of_job for part in job.questions)
    for table, parts in ((job_stages, stages), (job_questions, questions)):
        conn.execute(delete(table).where(table.c.integration_id == integration_id, table.c.job_id.in_(list(once))))
        if parts:
            conn.execute(upsert(conn, table), parts)
