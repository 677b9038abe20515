"""Frank Doe, Kombo's own example, comes out of one source row exactly, key for key, for both endpoints."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.mapping.one_row import body_of, map_row

LINKS = [{"url": "https://www.linkedin.com/in/frank-doe-123456789/"}, {"url": "https://twitter.com/frankdoe"}]
ATTACHMENTS = [
    {
        "name": "Frank Doe CV.txt",
        "data": "SGkgdGhlcmUsIEtvbWJvIGlzIGN1cnJlbnRseSBoaXJpbmcu",
        "type": "CV",
        "content_type": "text/plain",
    }
]
ANSWERS = [
    {"question_id": "3phFBNXRweGnDmsU9o2vdPuQ", "answer": "Yes"},
    {
        "question_id": "EYJjhMQT3LtVKXnTbnRT8s6U",
        "answer": ["GUzE666zfyjeoCJX6A8n7wh6", "5WPHzzKAv8cx97KtHRUV96U8", "7yZfKGzWigXxxRTygqAfHvyE"],
    },
]
JOB, STAGE = "BDpgnpZ148nrGh4mYHNxJBgx", "8x3YKRDcuRnwShdh96ShBNn1"

ROW: dict[str, Any] = {
    "job_id": JOB,
    "stage_id": STAGE,
    "candidate__company": "Acme Inc.",
    "candidate__title": "Head of Integrations",
    "candidate__phone_number": "+1-541-754-3010",
    "candidate__salary_expectations__amount": Decimal("100000.00"),
    "candidate__salary_expectations__period": "YEAR",
    "candidate__availability_date": date(2021, 1, 1),
    "candidate__location__city": "New York",
    "candidate__location__country": "US",
    "candidate__social_links": json.dumps(LINKS),
    "attachments": json.dumps(ATTACHMENTS),
    "screening_question_answers": json.dumps(ANSWERS),
    "remote_fields": "{}",
}

SHARED: dict[str, Any] = {
    "candidate": {
        "first_name": "Frank",
        "last_name": "Doe",
        "company": "Acme Inc.",
        "title": "Head of Integrations",
        "email_address": "frank.doe@example.com",
        "phone_number": "+1-541-754-3010",
        "salary_expectations": {"amount": 100000, "period": "YEAR"},
        "availability_date": "2021-01-01",
        "location": {"city": "New York", "country": "US"},
        "social_links": LINKS,
    },
    "attachments": ATTACHMENTS,
    "screening_question_answers": ANSWERS,
    "remote_fields": {},
}

NATIVE: dict[str, Any] = {
    "candidate__social_links": LINKS,
    "attachments": ATTACHMENTS,
    "screening_question_answers": tuple(ANSWERS),
    "remote_fields": {},
}


@pytest.mark.parametrize("columns", [ROW, {**ROW, **NATIVE}], ids=["JSON text", "native values"])
def test_the_application_endpoint_gets_the_stage_at_the_top_and_no_job(columns: dict[str, Any]) -> None:
    mapped = map_row(columns)
    assert body_of(mapped) == {**SHARED, "stage_id": STAGE}
    assert mapped.job_id == JOB


@pytest.mark.parametrize("columns", [ROW, {**ROW, **NATIVE}], ids=["JSON text", "native values"])
def test_the_candidate_endpoint_gets_job_and_stage_below_application(columns: dict[str, Any]) -> None:
    mapped = map_row(columns, endpoint="candidate")
    assert body_of(mapped) == {**SHARED, "application": {"job_id": JOB, "stage_id": STAGE}}


def test_without_a_stage_neither_body_names_one() -> None:
    assert "stage_id" not in body_of(map_row({"stage_id": None}))
    assert body_of(map_row({"stage_id": " "}, endpoint="candidate"))["application"] == {"job_id": "remote:42"}


def test_json_text_and_native_values_give_the_same_payload_and_hash() -> None:
    assert map_row(ROW)[3:5] == map_row({**ROW, **NATIVE})[3:5]


def test_the_payload_is_compact_json_that_holds_other_alphabets_as_they_are() -> None:
    assert map_row({"candidate__first_name": "Zoë 美"}).payload == (
        '{"candidate":{"email_address":"frank.doe@example.com","first_name":"Zoë 美","last_name":"Doe"}}'
    )
