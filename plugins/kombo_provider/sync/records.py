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
    candidate, job, stage = (_object(record.get(part)) for part in ("candidate", "job", "current_stage"))
    hired = record.get("outcome") == "HIRED"
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
        # Kombo names no time of a hire: that of the change with which it was first seen comes nearest.
        hired_at=(instant(record.get("remote_updated_at")) or instant(record.get("changed_at"))) if hired else None,
        rejection_reason_name=text(record.get("rejection_reason_name")),
        custom_fields=_json(record.get("custom_fields")),
        integration_fields=_json(record.get("integration_fields")),
    )


def candidate(record: dict[str, Any]) -> tuple[Record, Collection[str]] | None:
    """Return the row of a candidate and the ids of its applications, None where it has no id."""
    texts = {name: text(record.get(name)) for name in ("first_name", "last_name", "company", "title")}
    lists = ("email_addresses", "phone_numbers", "social_media", "location", "custom_fields", "integration_fields")
    row = _with_id(record, **texts, **{name: _json(record.get(name)) for name in (*lists, "tags")})
    if row is None:
        return None
    ids = [id_text(part.get("id")) for part in objects(record.get("applications"))]
    return row, [name for name in ids if name is not None]


def job(record: dict[str, Any]) -> Job | None:
    """Return the rows of a job, its stages and its screening questions; None where it has no id."""
    names = ("name", "job_code", "status", "visibility", "employment_type", "post_url")
    row = _with_id(
        record,
        **{name: text(record.get(name)) for name in names},
        opened_at=instant(record.get("opened_at")),
        closed_at=instant(record.get("closed_at")),
    )
    if row is None:
        return None
    stages = [_stage(part) for part in objects(record.get("stages")) if id_text(part.get("id"))]
    questions = [_question(part) for part in objects(record.get("screening_questions")) if id_text(part.get("id"))]
    return Job(row, stages, questions)


def has_id(record: dict[str, Any]) -> bool:
    """Tell whether a record can be stored: one without an id is nobody's."""
    return id_text(record.get("id")) is not None


def instant(value: object) -> datetime | None:
    """Return a stamp as an instant; one without a time zone is UTC."""
    if not isinstance(value, str):
        return None
    try:
        stamp = datetime.fromisoformat(value)
        return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list, none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _with_id(record: dict[str, Any], **columns: Any) -> Record | None:
    name = id_text(record.get("id"))
    if name is None:
        return None
    times = {column: instant(record.get(column)) for column in _TIMES}
    return {"id": name, "remote_id": id_text(record.get("remote_id")), **times, **columns}


def _stage(part: dict[str, Any]) -> Record:
    ids = {name: id_text(part.get(name)) for name in ("id", "remote_id")}
    texts = {name: text(part.get(name)) for name in ("name", "status")}
    return ids | texts | {"position": _whole(part.get("index"))}


def _question(part: dict[str, Any]) -> Record:
    ids = {name: id_text(part.get(name)) for name in ("id", "remote_id")}
    texts = {name: text(part.get(name)) for name in ("title", "description", "category")}
    form, required = _object(part.get("format")), part.get("required")
    return (
        ids
        | texts
        | {
            "type": text(form.get("type")),
            "required": int(required) if isinstance(required, bool) else None,
            "position": _whole(part.get("index")),
            "format": _json(form),
        }
    )


def _whole(value: object) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31
    return value if fits else None  # type: ignore[return-value]  # a number of 32 bits by now


def _json(value: object) -> str | None:
    """Return a list or an object as JSON text; an empty one is None, and so is one that cannot be written."""
    if not isinstance(value, list | dict) or not value:
        return None
    try:
        written = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # endless digits, or nesting that was read nearer to the stack's beginning
        return None
    return text(written, longest=LONGEST_JSON) if len(written) <= LONGEST_JSON else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
