"""The nested parts of the settings, checked when they are set, so that no create stumbles over them."""

from __future__ import annotations

from typing import Any

from kombo_sandbox.checks import an_object, boolean, list_of, number, one_of, or_null, text
from kombo_sandbox.errors import input_invalid

JOB_STATUSES = ("OPEN", "CLOSED", "DRAFT", "ARCHIVED")
JOB_VISIBILITIES = ("PUBLIC", "INTERNAL", "UNLISTED", "CONFIDENTIAL")

_OPTIONS = list_of(an_object({"id": text, "name": text, "remote_id": or_null(text)}, ("id", "name")))
_FORMATS = {
    "TEXT": an_object(
        {
            "type": text,
            "max_length": or_null(number),
            "display_type": or_null(one_of("SINGLE_LINE", "MULTI_LINE", "EMAIL", "URL")),
        }
    ),
    "NUMBER": an_object(
        {
            "type": text,
            "min": or_null(number),
            "max": or_null(number),
            "display_type": or_null(one_of("SLIDER", "FIELD")),
        }
    ),
    "BOOLEAN": an_object({"type": text}),
    "DATE": an_object({"type": text}),
    "SINGLE_SELECT": an_object(
        {"type": text, "options": _OPTIONS, "display_type": or_null(one_of("DROPDOWN", "RADIO"))}, ("options",)
    ),
    "MULTI_SELECT": an_object({"type": text, "options": _OPTIONS}, ("options",)),
    "FILE": an_object(
        {"type": text, "accepted_mime_types": or_null(list_of(text)), "max_file_size_bytes": or_null(number)}
    ),
    "INFORMATION": an_object({"type": text}),
    "UNKNOWN": an_object({"type": text, "raw_question": lambda *_: None}),
}
_FORMAT_TYPE = one_of(*_FORMATS)


def _format(value: Any, path: str, strict: bool) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    _FORMAT_TYPE(kind, f"{path}.type", strict)
    _FORMATS[str(kind)](value, path, strict)


def _precondition(value: Any, path: str, strict: bool) -> None:  # noqa: ARG001
    if value is not None and not isinstance(value, list):
        raise input_invalid(path, "must be a list, or null")


_JOB = an_object(
    {
        "name": or_null(text),
        "status": one_of(*JOB_STATUSES),
        "visibility": one_of(*JOB_VISIBILITIES),
        "screening_questions": list_of(
            an_object(
                {
                    "id": text,
                    "remote_id": or_null(text),
                    "title": or_null(text),
                    "description": or_null(text),
                    "category": or_null(one_of("EEO", "DEMOGRAPHIC")),
                    "required": or_null(boolean),
                    "index": or_null(number),
                    "precondition_question_id": or_null(text),
                    "precondition_options": _precondition,
                    "format": _format,
                }
            )
        ),
    }
)

_KIND = an_object(
    {
        "is_supported": boolean,
        "min_amount": or_null(number),
        "max_amount": or_null(number),
        "max_file_size_bytes": or_null(number),
        "accepted_mime_types": or_null(list_of(text)),
    },
    ("is_supported",),
)
_RESTRICTIONS = an_object(
    {
        "total_size_bytes": or_null(number),
        "types": an_object(dict.fromkeys(("CV", "COVER_LETTER", "OTHER"), _KIND), ("CV", "COVER_LETTER", "OTHER")),
    },
    ("total_size_bytes", "types"),
)


def check_job_config(value: Any, path: str) -> None:
    """Raises ApiError for what is no job of the setting `jobs`."""
    _JOB(value, path, True)


def check_restrictions_config(value: Any, path: str) -> None:
    """Raises ApiError for what is no value of the setting `attachment_restrictions`."""
    _RESTRICTIONS(value, path, True)
