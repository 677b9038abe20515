"""Building blocks of the request schema: each checks one value and raises PLATFORM.INPUT_INVALID naming it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from kombo_sandbox.errors import input_invalid

Check = Callable[[Any, str, bool], None]
"""value, its path in the request, whether keys that the schema does not name are refused"""

# Letters of other scripts are taken (RFC 6531): Kombo's documents do not say that they are refused.
_ABROAD = "\u00a1-\U0010ffff"
_ATOM, _ALNUM = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{_ABROAD}-]+", f"A-Za-z0-9{_ABROAD}"
_EMAIL = re.compile(
    rf"{_ATOM}(?:\.{_ATOM})*@(?:[{_ALNUM}](?:[{_ALNUM}-]*[{_ALNUM}])?\.)+[A-Za-z{_ABROAD}][{_ALNUM}-]*[{_ALNUM}]"
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?)?Z?")


def text(value: Any, path: str, strict: bool) -> None:  # noqa: ARG001
    if not isinstance(value, str):
        raise input_invalid(path, "must be a string")


def boolean(value: Any, path: str, strict: bool) -> None:  # noqa: ARG001
    if not isinstance(value, bool):
        raise input_invalid(path, "must be true or false")


def number(value: Any, path: str, strict: bool) -> None:  # noqa: ARG001
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise input_invalid(path, "must be a number")


def email(value: Any, path: str, strict: bool) -> None:
    text(value, path, strict)
    if not is_email(value):
        raise input_invalid(path, "must be an e-mail address")


def date(value: Any, path: str, strict: bool) -> None:
    text(value, path, strict)
    if parse_date(value) is None:
        raise input_invalid(path, "must be a date: YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SS with optional Z, no offset")


def uri(value: Any, path: str, strict: bool) -> None:
    text(value, path, strict)
    if not is_uri(value):
        raise input_invalid(path, "must be a URI")


def open_object(value: Any, path: str, strict: bool) -> None:  # noqa: ARG001
    if not isinstance(value, dict):
        raise input_invalid(path, "must be an object")


def matching(pattern: str, words: str) -> Check:
    """A string that the pattern matches from start to end."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: Any, path: str, strict: bool) -> None:
        text(value, path, strict)
        if not compiled.fullmatch(value):
            raise input_invalid(path, f"must be {words}")

    return check


def or_null(check: Check) -> Check:
    def check_or_null(value: Any, path: str, strict: bool) -> None:
        if value is not None:
            check(value, path, strict)

    return check_or_null


def one_of(*choices: str) -> Check:
    def check(value: Any, path: str, strict: bool) -> None:  # noqa: ARG001
        if value not in choices or not isinstance(value, str):
            raise input_invalid(path, f"must be one of {', '.join(choices)}")

    return check


def list_of(item: Check) -> Check:
    def check(value: Any, path: str, strict: bool) -> None:
        if not isinstance(value, list):
            raise input_invalid(path, "must be a list")
        for index, part in enumerate(value):
            item(part, f"{path}.{index}", strict)

    return check


def an_object(fields: dict[str, Check], required: tuple[str, ...] = ()) -> Check:
    """An object with these fields; `path` is empty for the body itself."""

    def check(value: Any, path: str, strict: bool) -> None:
        open_object(value, path or "body", strict)
        prefix = f"{path}." if path else ""
        for key in required:
            if key not in value:
                raise input_invalid(prefix + key, "is required")
        for key, part in value.items():
            known = fields.get(key)
            if known is not None:
                known(part, prefix + key, strict)
            elif strict:
                raise input_invalid(prefix + key, "is not a known key")

    return check


def is_email(value: str) -> bool:
    return _EMAIL.fullmatch(value) is not None


def is_uri(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path)) and not re.search(r"\s", value)


def parse_date(value: str) -> datetime | None:
    """The instant (naive, meaning UTC) of a date of Kombo's pattern; None for anything else."""
    if not _DATE.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.removesuffix("Z")))
    except ValueError:
        return None
