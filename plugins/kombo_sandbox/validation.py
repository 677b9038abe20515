"""The bodies of both creates, as Kombo's OpenAPI file describes them."""

from __future__ import annotations

import binascii
from typing import Any

from kombo_sandbox.checks import (
    an_object,
    boolean,
    date,
    email,
    list_of,
    matching,
    number,
    one_of,
    open_object,
    text,
    uri,
)
from kombo_sandbox.errors import input_invalid

_CONTACT_TYPE = one_of("PERSONAL", "WORK", "OTHER")
_MIME = matching(r"[\w.-]+/[\w.-]+", "a MIME type without parameters")

_FILE_FIELDS = {"name": text, "data": text, "data_url": uri, "content_type": _MIME}

_CANDIDATE = an_object(
    {
        "first_name": text,
        "last_name": text,
        "email_address": email,
        "additional_email_addresses": list_of(
            an_object({"type": _CONTACT_TYPE, "email_address": email}, ("type", "email_address"))
        ),
        "company": text,
        "title": text,
        "phone_number": text,
        "additional_phone_numbers": list_of(
            an_object({"type": _CONTACT_TYPE, "phone_number": text}, ("type", "phone_number"))
        ),
        "location": an_object(
            {
                "country": matching(r"[A-Z]{2}", "two capital letters (ISO 3166-1 alpha-2)"),
                "city": text,
                "state": text,
                "street_1": text,
                "zip_code": text,
            },
            ("country",),
        ),
        "gender": one_of("MALE", "FEMALE", "OTHER"),
        "availability_date": date,
        "salary_expectations": an_object({"amount": number, "period": one_of("MONTH", "YEAR")}, ("amount", "period")),
        "social_links": list_of(an_object({"url": uri}, ("url",))),
    },
    ("first_name", "last_name", "email_address"),
)


def _answer(value: Any, path: str, strict: bool) -> None:  # noqa: ARG001
    if value is None:
        raise input_invalid(path, "must not be null")


_SHARED = {
    "candidate": _CANDIDATE,
    "attachments": list_of(
        an_object({**_FILE_FIELDS, "type": one_of("CV", "COVER_LETTER", "OTHER")}, ("name", "type"))
    ),
    "screening_question_answers": list_of(
        an_object({"question_id": text, "answer": _answer}, ("question_id", "answer"))
    ),
    "source": an_object({"name": text, "unified_key": text, "id": text}),
    "sourced_by": an_object({"user_id": text}, ("user_id",)),
    "gdpr_consent": an_object({"given": boolean, "expires_at": date}),
    "remote_fields": open_object,
}

_APPLICATION_BODY = an_object({**_SHARED, "stage_id": text}, ("candidate",))
_CANDIDATE_BODY = an_object(
    {**_SHARED, "application": an_object({"job_id": text, "stage_id": text}, ("job_id",))},
    ("candidate", "application"),
)
FILE_ANSWER = an_object(_FILE_FIELDS, ("name",))


def check_application_body(body: dict[str, Any], *, refuse_unknown: bool) -> None:
    """`POST /ats/jobs/{job_id}/applications`"""
    _APPLICATION_BODY(body, "", refuse_unknown)
    _check_attachments(body)


def check_candidate_body(body: dict[str, Any], *, refuse_unknown: bool) -> None:
    """`POST /ats/candidates`"""
    _CANDIDATE_BODY(body, "", refuse_unknown)
    _check_attachments(body)


def _check_attachments(body: dict[str, Any]) -> None:
    for index, file in enumerate(body.get("attachments", ())):
        file_size_bytes(file, f"attachments.{index}")


def file_size_bytes(file: dict[str, Any], path: str) -> int | None:
    """The size of an attached file; None where Kombo would have to download it to know.

    Raises ApiError for the rules that the schema states only in prose.
    """
    if ("data" in file) == ("data_url" in file):
        raise input_invalid(path, "exactly one of data and data_url must be given")
    if "data_url" in file:
        return None
    if "content_type" not in file:
        raise input_invalid(f"{path}.content_type", "is required with data")
    try:
        return len(binascii.a2b_base64(file["data"], strict_mode=True))
    except ValueError as exc:
        raise input_invalid(f"{path}.data", "is not valid base64") from exc
