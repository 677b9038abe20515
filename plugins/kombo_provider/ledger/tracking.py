"""Applications that went into the ATS without Kombo's id: which of them are on Kombo's tracking list."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, exists, not_, select

from kombo_provider.ledger._bulk import upsert
from kombo_provider.ledger._sync_tables import jobs, tracked
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import REMOTE, Status


@dataclass(frozen=True, slots=True)
class Untracked:
    """A delivery of which only the ATS's ids are known."""

    application_remote_id: str
    candidate_remote_id: str | None
    job_remote_id: str | None


def untracked(conn: Connection, integration_id: str, limit: int) -> list[Untracked]:
    """Return applications that Kombo was not asked to track yet."""
    remote_id = deliveries.c.kombo_application_remote_id
    asked = exists().where(tracked.c.integration_id == integration_id, tracked.c.application_remote_id == remote_id)
    same_job = and_(jobs.c.integration_id == deliveries.c.integration_id, jobs.c.id == deliveries.c.job_id)
    columns = remote_id, deliveries.c.kombo_candidate_remote_id, deliveries.c.job_id, jobs.c.remote_id
    query = (
        select(*columns)
        .outerjoin(jobs, same_job)
        .where(
            deliveries.c.integration_id == integration_id,
            deliveries.c.kombo_application_id.is_(None),
            remote_id.is_not(None),
            deliveries.c.status == Status.DELIVERED,
            not_(asked),
        )
        .order_by(remote_id)
        .limit(limit)
    )
    found = []
    for application_id, candidate_id, job_id, job_remote_id in conn.execute(query):
        # Kombo's own id of the job says nothing to the ATS; its remote id is known once the jobs are synced.
        found.append(Untracked(application_id, candidate_id, _remote(job_id) or job_remote_id))
    return found


def asked_to_track(conn: Connection, integration_id: str, remote_id: str, code: str | None) -> None:
    """Remember the answer: a refusal's code, None where Kombo tracks the application now."""
    row = {"integration_id": integration_id, "application_remote_id": remote_id, "at": now(conn), "code": code}
    conn.execute(upsert(conn, tracked), [row])


def _remote(job_id: str | None) -> str | None:
    """Return the ATS's own id of a job, where the SELECT gave that."""
    if job_id is None or not job_id.startswith(REMOTE):
        return None
    return job_id.removeprefix(REMOTE)
