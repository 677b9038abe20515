"""Applications that went into the ATS without Kombo's id: which of them are on Kombo's tracking list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from kombo_provider.ledger._bulk import upsert
from kombo_provider.ledger._sync_tables import jobs, tracked
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import REMOTE, Status

Needs = Literal["application", "application, candidate or job", "application, candidate and job"]
"""The ids in the ATS by which Kombo takes an application."""

_AGAIN = "again: "
"""Begins what is kept in the place of a code where Kombo is to be asked again."""


@dataclass(frozen=True, slots=True)
class Untracked:
    """A delivery of which only the ATS's ids are known."""

    application_remote_id: str
    candidate_remote_id: str | None
    job_remote_id: str | None


def untracked(conn: Connection, integration_id: str, limit: int, needs: Needs = "application") -> list[Untracked]:
    """Return applications that Kombo has not said yet whether it tracks, and of which the ids that it needs are known.

    Those come last that it was asked for already, without an answer that says so.
    """
    remote_id = deliveries.c.kombo_application_remote_id
    same_job = and_(jobs.c.integration_id == deliveries.c.integration_id, jobs.c.id == deliveries.c.job_id)
    asked = and_(tracked.c.integration_id == integration_id, tracked.c.application_remote_id == remote_id)
    columns = remote_id, deliveries.c.kombo_candidate_remote_id, deliveries.c.job_id, jobs.c.remote_id
    query = (
        select(*columns)
        .outerjoin(jobs, same_job)
        .outerjoin(tracked, asked)
        .where(
            deliveries.c.integration_id == integration_id,
            deliveries.c.kombo_application_id.is_(None),
            remote_id.is_not(None),
            deliveries.c.status == Status.DELIVERED,
            or_(tracked.c.at.is_(None), tracked.c.code.startswith(_AGAIN, autoescape=True)),
            *_are_known(needs),
        )
        .order_by(tracked.c.at.is_not(None), tracked.c.at, remote_id)
        .limit(limit)
    )
    found = []
    for application_id, candidate_id, job_id, job_remote_id in conn.execute(query):
        # Kombo's own id of the job says nothing to the ATS; its remote id is known once the jobs are synced.
        found.append(Untracked(application_id, candidate_id, _remote(job_id) or job_remote_id))
    return found


def _are_known(needs: Needs) -> list[ColumnElement[bool]]:
    has_candidate = deliveries.c.kombo_candidate_remote_id.is_not(None)
    has_job = or_(deliveries.c.job_id.like(f"{REMOTE}_%"), jobs.c.remote_id.is_not(None))
    if needs == "application, candidate and job":
        return [has_candidate, has_job]
    if needs == "application, candidate or job":
        return [or_(has_candidate, has_job)]
    return []


def failed_to_track(conn: Connection, integration_id: str, remote_id: str, what: str) -> None:
    """Remember an answer that says nothing of the application: it is asked for again, behind all others."""
    asked_to_track(conn, integration_id, remote_id, f"{_AGAIN}{what}")


def asked_to_track(conn: Connection, integration_id: str, remote_id: str, code: str | None) -> None:
    """Remember the answer: a refusal's code, None where Kombo tracks the application now."""
    row = {"integration_id": integration_id, "application_remote_id": remote_id, "at": now(conn), "code": code}
    conn.execute(upsert(conn, tracked), [row])


def _remote(job_id: str | None) -> str | None:
    """Return the ATS's own id of a job, where the SELECT gave that."""
    if job_id is None or not job_id.startswith(REMOTE):
        return None
    return job_id.removeprefix(REMOTE)
