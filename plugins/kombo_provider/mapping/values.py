"""What one value of a source row may be, and how a bad one is refused.

A cleaner takes a value and returns what leaves for Kombo, None for "absent", or raises `refuse(…)`.
A refusal says what is expected and never holds the value: it is stored and shown (promise P7).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from pydantic_core import PydanticCustomError

Json: TypeAlias = "str | int | float | bool | list[Any] | dict[str, Any] | None"


class JsonText(str):
    """A cleaned value that is JSON text already."""

    __slots__ = ()


INVISIBLE: Final = (
    "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u2800"
    "\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff9-\\ufffb\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff"
)
"""Characters that nobody sees, as a part of a pattern's set: Unicode's "default ignorable" ones and blank glyphs."""

_VISIBLE = re.compile(f"[^\\s{INVISIBLE}]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all of C0 and C1 but \t, \n, \r
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_NUMBER = 100  # digits; far above any id, far below what makes `str` and `int` slow


class Rules(NamedTuple):
    """What a pipeline sets for all its values."""

    zone: tzinfo
    attachments_from_files: bool


TOO_DEEP: Final = "is nested too deep"

DEFAULT_RULES = Rules(zone=UTC, attachments_from_files=False)

Cleaner: TypeAlias = Callable[[Any, Rules], Any]

Glance: TypeAlias = "Callable[[list[str], Rules], list[Any] | None]"
"""Takes tidy texts; returns them as a cleaner would leave them, or None where each has to be cleaned alone."""


def refuse(problem: str) -> PydanticCustomError:
    """Return the error for a value that cannot be sent; `problem` is ours and holds no value."""
    return PydanticCustomError("kombo", problem)


def tidy(text: str) -> str:
    """Return the text stripped and without control characters; tab and line breaks inside it stay.

    A text without a visible character is no text: "".
    """
    stripped = text.strip()
    if not stripped.isprintable():
        stripped = _CONTROL.sub("", text).strip()
    return stripped if stripped.isascii() or _VISIBLE.search(stripped) else ""


def unchanged(texts: list[str], _rules: Rules) -> list[str]:
    """Return the texts as they are: the glance for cleaners that do nothing to tidy text."""
    return texts


def check_characters(text: str) -> None:
    """Refuse text that UTF-8 cannot carry."""
    if not text.isprintable() and _SURROGATE.search(text):
        raise refuse("holds half a character (a lone surrogate): repair its encoding in the source")


def is_missing(value: object) -> bool:
    """Say whether a value inside an object or list is None, NaN or NaT."""
    return value is None or (not isinstance(value, str | dict | list) and _is_nan(value))


def _is_nan(value: object) -> bool:
    if isinstance(value, Decimal):
        return value.is_nan()
    return (isinstance(value, float) and value != value) or type(value).__name__ in ("NaTType", "NAType")


def from_numpy(value: Any) -> Any:
    """Return a numpy scalar or array as plain Python, anything else as it is."""
    if type(value).__module__ != "numpy":
        return value
    if value.dtype.name == "datetime64[ns]":  # numpy would make an integer of it
        return value.astype("datetime64[us]").tolist()
    return value.tolist()


def text_of(value: object) -> str:
    """Return the exact text of a string, integer, UUID or enumeration; refuse the rest."""
    if type(value) is int:
        return _digits(value)
    value = from_numpy(value)
    if isinstance(value, Enum):
        return text_of(value.value)
    if isinstance(value, str | UUID):
        return str(value)
    if isinstance(value, bool | float):
        raise refuse("expected text, found a boolean or a float: cast the column to text in the SELECT")
    if isinstance(value, int | Decimal):
        return _digits(value)
    if isinstance(value, bytes | bytearray | memoryview):
        raise refuse("expected text, found binary data: decode the column to text in the SELECT")
    raise refuse("expected text: cast the column to text in the SELECT")


def _digits(value: int | Decimal) -> str:
    if isinstance(value, Decimal) and (not value.is_finite() or value.adjusted() > _LONGEST_NUMBER):
        raise refuse("expected text, found a number that has none: cast the column to text in the SELECT")
    if isinstance(value, Decimal) and value != value.to_integral_value():
        raise refuse("expected text, found a fraction: cast the column to text in the SELECT")
    if isinstance(value, int) and value.bit_length() > 3 * _LONGEST_NUMBER:
        raise refuse("expected text, found a number that is too long: cast the column to text in the SELECT")
    return str(int(value))
