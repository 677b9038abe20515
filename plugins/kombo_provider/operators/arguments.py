"""Checks what a DAG file hands to a factory: a mistake is an import error that says what to write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kombo_provider.errors import ConfigurationError

_CHOICES = {
    "endpoint": ("application", "candidate"),
    "in_doubt": ("hold", "resend"),
    "first_run": ("ask", "all", "from_now"),
}
_TUPLES = ("extra_fields", "attachment_roots")
_COUNTS = {"min_failed": 0, "approve_above": 0, "keep_failed_payload_days": 0}
_KEY_PARTS = ({"applicant_id"}, {"applicant_id", "integration_id"})


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for the first argument that cannot be meant."""
    source = arguments["source"]
    if not isinstance(source, str) or not source.strip():
        raise ConfigurationError("source must not be empty: it is the stable name of this set of applicants.")
    for name, choices in _CHOICES.items():
        if arguments[name] not in choices:
            raise ConfigurationError(f"{name} is {arguments[name]!r}; it must be {' or '.join(choices)}.")
    for name in _TUPLES:
        if isinstance(arguments[name], str):
            raise ConfigurationError(f"{name} is a string; write a tuple: {name}=(…,).")
    for name, least in _COUNTS.items():
        _check_count(name, arguments[name], least)
    _check_share(arguments["max_failed_share"])
    for name in ("lookback", "sweep_every"):
        _check_span(name, arguments[name])
    _check_timezone(arguments["source_timezone"])
    _check_key(arguments["write_back_key"])


def _check_count(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{name} is {value!r}; it must be a whole number, {least} or more.")


def _check_share(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigurationError(f"max_failed_share is {value!r}; it must be a share between 0 and 1, such as 0.05.")


def _check_span(name: str, value: Any) -> None:
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise ConfigurationError(
            f"{name} is {value!r}; it must be a timedelta that is not negative, such as timedelta(days=1)."
        )


def _check_timezone(value: Any) -> None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ConfigurationError(
            f"source_timezone is {value!r}, which is no time zone's name; write one such as Europe/Berlin or UTC."
        ) from None


def _check_key(value: Any) -> None:
    """`write_back_key` is a column's name, or a mapping from our key's parts to columns."""
    if isinstance(value, str) and value.strip():
        return
    if isinstance(value, Mapping) and set(value) in _KEY_PARTS and all(isinstance(c, str) for c in value.values()):
        return
    raise ConfigurationError(
        f"write_back_key is {value!r}; it must be the name of a column, or "
        '{"applicant_id": "<column>", "integration_id": "<column>"}.'
    )
