"""Records in Kombo's official response shapes (every key that the official SDK requires)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kombo_sandbox.records import Application, Candidate, Job, Stage


@lru_cache(4096)
def iso(at: int | None) -> str | None:
    """Milliseconds since 1970 as `YYYY-MM-DDTHH:mm:ss.sssZ`."""
    if at is None:
        return None
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


def created_application(made: Application) -> dict[str, Any]:
    """`data` of `POST /ats/jobs/{job_id}/applications`"""
    return {**_application_root(made), "candidate": _candidate_root(made.candidate)}


def listed_application(record: Application) -> dict[str, Any]:
    """One of `data.results` of `GET /ats/applications`"""
    person = record.candidate
    return {
        **_application_root(record),
        "candidate": {
            "id": person.id,
            "remote_id": person.remote_id,
            "first_name": person.profile["first_name"],
            "last_name": person.profile["last_name"],
            "source": person.source,
            "remote_url": None,
            "tags": [],
            **_contact(person),
        },
        "interviews": [],
        "offers": [],
    }


def candidate_with_applications(person: Candidate, applications: Iterable[Application]) -> dict[str, Any]:
    """`data` of `POST /ats/candidates`, and one of the results of `GET /ats/candidates`"""
    return {**_candidate_root(person), "applications": [_nested_application(record) for record in applications]}


def listed_job(job: Job, stages: list[Stage]) -> dict[str, Any]:
    """One of `data.results` of `GET /ats/jobs`"""
    unknown = (
        "description", "confidential", "weekly_hours", "category", "department", "post_url", "experience_level",
        "salary_amount", "salary_amount_from", "salary_amount_to", "salary_currency", "salary_period",
        "custom_fields", "remote_url", "contact_id", "employment_type", "remote_work_status", "location",
    )  # fmt: skip
    return {
        "id": job.id,
        "remote_id": job.remote_id,
        "name": job.name,
        "job_code": job.remote_id,
        "status": job.status,
        "visibility": job.visibility,
        **dict.fromkeys(unknown),
        "opened_at": iso(job.made_at),
        "closed_at": None if job.status == "OPEN" else iso(job.changed_at),
        **_stamps(job),
        "remote_updated_at": iso(job.changed_at),
        "stages": [_stage(stage) for stage in stages],
        "screening_questions": job.questions,
        "job_postings": [],
        "hiring_team": [],
    }


def without_remote_dates(shown: dict[str, Any]) -> dict[str, Any]:
    """The record of an ATS that tells no dates: null in it, and in its applications."""
    blank = {**shown, "remote_created_at": None, "remote_updated_at": None}
    if "applications" in shown:
        blank["applications"] = [without_remote_dates(part) for part in shown["applications"]]
    return blank


def listed_stage(stage: Stage) -> dict[str, Any]:
    """One of `data.results` of `GET /ats/application-stages`"""
    shown = {"id": stage.id, "remote_id": stage.remote_id, "name": stage.name, "status": "ACTIVE"}
    return {
        **shown,
        "custom_fields": None,
        "changed_at": iso(stage.changed_at),
        "remote_deleted_at": iso(stage.deleted_at),
    }


def _application_root(record: Application) -> dict[str, Any]:
    return {
        "id": record.id,
        "remote_id": record.remote_id,
        "outcome": record.outcome,
        "rejection_reason_name": record.rejection_reason,
        "rejected_at": iso(record.rejected_at),
        "current_stage_id": record.stage.id,
        "job_id": record.job.id,
        "candidate_id": record.candidate.id,
        "custom_fields": None,
        "remote_url": None,
        **_stamps(record),
        "remote_updated_at": iso(record.changed_at),
        "current_stage": _stage(record.stage),
        "job": _nested_job(record.job),
        "screening_question_answers": record.answers,
    }


def _candidate_root(person: Candidate) -> dict[str, Any]:
    profile = person.profile
    return {
        "id": person.id,
        "remote_id": person.remote_id,
        "first_name": profile["first_name"],
        "last_name": profile["last_name"],
        "company": profile.get("company"),
        "title": profile.get("title"),
        "confidential": None,
        "source": person.source,
        "custom_fields": None,
        "remote_url": None,
        **_stamps(person),
        "remote_updated_at": iso(person.changed_at),
        "tags": [],
        **_contact(person),
        "location": profile.get("location"),
    }


def _nested_application(record: Application) -> dict[str, Any]:
    return {
        "id": record.id,
        "remote_id": record.remote_id,
        "outcome": record.outcome,
        "rejection_reason_name": record.rejection_reason,
        "rejected_at": iso(record.rejected_at),
        "remote_url": None,
        "changed_at": iso(record.changed_at),
        "remote_created_at": iso(record.made_at),
        "remote_updated_at": iso(record.changed_at),
        "current_stage": _stage(record.stage),
        "job": _nested_job(record.job),
    }


def _contact(person: Candidate) -> dict[str, Any]:
    profile = person.profile
    phones = [{"phone_number": profile["phone_number"], "type": None}] if "phone_number" in profile else []
    return {
        "email_addresses": [
            {"email_address": profile["email_address"], "type": None},
            *profile.get("additional_email_addresses", ()),
        ],
        "phone_numbers": [*phones, *profile.get("additional_phone_numbers", ())],
        "social_media": [
            {"link": link["url"], "type": None, "username": None} for link in profile.get("social_links", ())
        ],
    }


def _nested_job(job: Job) -> dict[str, Any]:
    return {"id": job.id, "name": job.name, "remote_id": job.remote_id}


def _stage(stage: Stage) -> dict[str, Any]:
    shown = {"id": stage.id, "name": stage.name, "remote_id": stage.remote_id, "index": stage.seq - 1}
    return {**shown, "status": "ACTIVE", "custom_fields": None}


def _stamps(record: Application | Candidate | Job) -> dict[str, Any]:
    return {
        "changed_at": iso(record.changed_at),
        "remote_created_at": iso(record.made_at),
        "remote_deleted_at": iso(record.deleted_at),
    }
