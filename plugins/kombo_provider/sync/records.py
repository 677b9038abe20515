"""Kombo's records as rows of the ledger's tables. Nothing in a record can raise: what is not as documented is None."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from kombo_provider.client.envelope import id_text, text
from kombo_provider.ledger.pulled import Record
from kombo_provider.ledger.pulled_jobs import Job

LONGEST_JSON = 100_000
"""Characters of one list or object; a longer one is left out, since half of it would be no JSON."""

_TIMES = ("changed_at", "remote_created_at", "remote_updated_at", "remote_deleted_at")


def application(record: dict[str, Any]) -> Record | None:
    """Return the row of an application, None where it has no id."""
    # Kombo documents both the ids beside the record and the nested objects, and either may be null.
    candidate = _object(record.get("candidate"))
    job = _object(record.get("job"))
    stage = _object(record.get("current_stage"))
    return _with_id(
        record,
        candidate_id=id_text(record.get("candidate_id")) or id_text(candidate.get("id")),
        candidate_remote_id=id_text(candidate.get("remote_id")),
        job_id=id_text(record.get("job_id")) or id_text(job.get("id")),
        job_remote_id=id_text(job.get("remote_id")),
        job_name=text(job.get("name")),
        current_stage_id=id_text(record.get("current_stage_id")) or id_text(stage.get("id")),
        current_stage_remote_id=id_text(stage.get("remote_id")),
        current_stage_name=text(stage.get("name")),
        outcome=text(record.get("outcome")),
        rejected_at=instant(record.get("rejected_at")),
        hired_at=_hired_at(record),
        rejection_reason_name=text(record.get("rejection_reason_name")),
        custom_fields=_json(record.get("custom_fields")),
        integration_fields=_json(record.get("integration_fields")),
    )


def _hired_at(record: dict[str, Any]) -> datetime | None:
    """Return the time of the change with which a hire was first seen: Kombo names none of the hire itself."""
    if record.get("outcome") != "HIRED":
        return None
    return instant(record.get("remote_updated_at")) or instant(record.get("changed_at"))


_TEXTS_OF_CANDIDATE = ("first_name", "last_name", "company", "title")
_JSON_OF_CANDIDATE = (
    "email_addresses",
    "phone_numbers",
    "social_media",
    "location",
    "custom_fields",
    "integration_fields",
    "tags",
)


def candidate(record: dict[str, Any]) -> tuple[Record, Collection[str]] | None:
    """Return the row of a candidate and the ids of its applications, None where it has no id."""
    columns = _texts(record, _TEXTS_OF_CANDIDATE)
    for name in _JSON_OF_CANDIDATE:
        columns[name] = _json(record.get(name))
    row = _with_id(record, **columns)
    if row is None:
        return None
    application_ids = []
    for part in objects(record.get("applications")):
        application_id = id_text(part.get("id"))
        if application_id is not None:
            application_ids.append(application_id)
    return row, application_ids


_TEXTS_OF_JOB = ("name", "job_code", "status", "visibility", "employment_type", "post_url")


def job(record: dict[str, Any]) -> Job | None:
    """Return the rows of a job, its stages and its screening questions; None where it has no id."""
    row = _with_id(
        record,
        **_texts(record, _TEXTS_OF_JOB),
        opened_at=instant(record.get("opened_at")),
        closed_at=instant(record.get("closed_at")),
    )
    if row is None:
        return None
    # Their ids are a part of their tables' keys: without one there is no row.
    stages = map(_stage, _with_ids(record.get("stages")))
    questions = map(_question, _with_ids(record.get("screening_questions")))
    return Job(row, list(stages), list(questions))


def has_id(record: dict[str, Any]) -> bool:
    """Tell whether a record can be stored: one without an id is nobody's."""
    return id_text(record.get("id")) is not None


def instant(value: object) -> datetime | None:
    """Return a stamp as an instant; one without a time zone is UTC."""
    if not isinstance(value, str):
        return None
    try:
        stamp = datetime.fromisoformat(value)
        if stamp.tzinfo is None:
            return stamp.replace(tzinfo=UTC)
        return stamp.astimezone(UTC)
    except (ValueError, OverflowError):  # the second: an hour of the year 1 or 9999 that UTC has not
        return None


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list, none for anything else."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]


def _with_ids(value: object) -> list[dict[str, Any]]:
    """Return those objects of a list that have an id."""
    return [part for part in objects(value) if has_id(part)]


def _with_id(record: dict[str, Any], **columns: Any) -> Record | None:
    name = id_text(record.get("id"))
    if name is None:
        return None
    row: Record = {"id": name, "remote_id": id_text(record.get("remote_id"))}
    for column in _TIMES:
        row[column] = instant(record.get(column))
    return row | columns


def _texts(record: dict[str, Any], names: Collection[str]) -> Record:
    return {name: text(record.get(name)) for name in names}


def _stage(part: dict[str, Any]) -> Record:
    return {
        "id": id_text(part.get("id")),
        "remote_id": id_text(part.get("remote_id")),
        "name": text(part.get("name")),
        "status": text(part.get("status")),
        "position": _whole(part.get("index")),
    }


def _question(part: dict[str, Any]) -> Record:
    form = _object(part.get("format"))
    return {
        "id": id_text(part.get("id")),
        "remote_id": id_text(part.get("remote_id")),
        "title": text(part.get("title")),
        "description": text(part.get("description")),
        "category": text(part.get("category")),
        "type": text(form.get("type")),
        "required": _truth(part.get("required")),
        "position": _whole(part.get("index")),
        "format": _json(form),
    }


def _truth(value: object) -> int | None:
    """Return a truth value as the ledger keeps it: SQLite has no type of its own for it."""
    if not isinstance(value, bool):
        return None
    return int(value)


def _whole(value: object) -> int | None:
    """Return a whole number that an INTEGER of PostgreSQL holds."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if abs(value) >= 2**31:
        return None
    return value


def _json(value: object) -> str | None:
    """Return a list or an object as JSON text; an empty one is None, and so is one that cannot be written."""
    if not isinstance(value, list | dict) or not value:
        return None
    try:
        written = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # endless digits, or nesting that was read nearer to the stack's beginning
        return None
    if len(written) > LONGEST_JSON:
        return None
    return text(written, longest=LONGEST_JSON)


def _object(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {}
