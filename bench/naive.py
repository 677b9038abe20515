"""The loop that people write first: read, check with pydantic, insert by the thousand. It keeps no history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Engine, text

CREATE = (
    "CREATE TABLE naive (applicant_id TEXT, integration_id TEXT, body TEXT, PRIMARY KEY (integration_id, applicant_id))"
)
INSERT = text("INSERT INTO naive (applicant_id, integration_id, body) VALUES (:applicant_id, :integration_id, :body)")
CHUNK = 1_000


class Location(BaseModel):
    country: str | None = None
    city: str | None = None
    zip_code: str | None = None
    street_1: str | None = None


class Salary(BaseModel):
    amount: float | None = None
    period: str | None = None


class Link(BaseModel):
    url: str


class Candidate(BaseModel):
    first_name: str
    last_name: str
    email_address: str
    phone_number: str | None = None
    company: str | None = None
    title: str | None = None
    gender: str | None = None
    availability_date: date | None = None
    location: Location
    salary_expectations: Salary
    social_links: list[Link] | None = None


class Consent(BaseModel):
    given: bool | None = None
    expires_at: date | None = None


class Answer(BaseModel):
    question_id: str
    answer: bool | int | str


class Attachment(BaseModel):
    name: str
    type: str
    content_type: str
    data: str


class Application(BaseModel):
    candidate: Candidate
    gdpr_consent: Consent
    screening_question_answers: list[Answer] | None = None
    attachments: list[Attachment] | None = None


def naive_loop(engine: Engine, select: str) -> None:
    """Read row by row, check with pydantic, insert by the thousand."""
    with engine.begin() as conn:  # one connection: on SQLite a second one would wait for the first
        chunk: list[dict[str, str]] = []
        for row in conn.execute(text(select)).mappings():
            chunk.append(_checked(row))
            if len(chunk) == CHUNK:
                conn.execute(INSERT, chunk)
                chunk.clear()
        if chunk:
            conn.execute(INSERT, chunk)


def _checked(row: Mapping[Any, Any]) -> dict[str, str]:
    body: dict[str, Any] = {}
    for column, value in row.items():
        *objects, field = column.split("__")
        inner = body
        for name in objects:
            inner = inner.setdefault(name, {})
        inner[field] = value
    candidate = body["candidate"]
    candidate["social_links"] = _parsed(candidate["social_links"])
    for name in ("screening_question_answers", "attachments"):
        body[name] = _parsed(body[name])
    checked = Application.model_validate(body)
    key = {"applicant_id": row["applicant_id"], "integration_id": row["integration_id"]}
    return {**key, "body": checked.model_dump_json(exclude_none=True)}


def _parsed(value: str | None) -> Any:
    return None if value is None else json.loads(value)
