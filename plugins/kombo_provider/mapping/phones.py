"""Odd telephone numbers: they are sent as they are, and counted (Kombo has no pattern for them, API reference §2.1)."""

from __future__ import annotations

import re
from typing import Any

from kombo_provider.mapping.chunks import Chunk
from kombo_provider.mapping.values import JsonText

ODD_PHONE = "is an odd telephone number (expected 5 to 17 digits, as in +1-541-754-3010); it is sent as it is"

_BETWEEN = "[ ().\\-/\u00a0]*+"
_PHONE = rf"\+?(?:{_BETWEEN}[0-9]){{5,17}}{_BETWEEN}"
_ALL_USUAL = re.compile(rf"(?:{_PHONE}\n)*+")
_USUAL = re.compile(rf"{_PHONE}(?:(?:x|ext\.?|#) *[0-9]{{1,6}})?", re.IGNORECASE)
_IN_JSON = re.compile(r'"phone_number":"((?:[^"\\]|\\.)*)"')


def note_odd_phones(chunk: Chunk, alias: str, values: list[Any]) -> None:
    """Warn of the rows of a cleaned column, of numbers or of objects with numbers, that hold an odd one."""
    texts = [value for value in values if value.__class__ is str]
    if not _ALL_USUAL.fullmatch("\n".join([*texts, ""])) or len(texts) < len(values):
        for row, value in enumerate(values):
            if _holds_odd_one(value):
                chunk.warn(row, alias, ODD_PHONE)


def _holds_odd_one(value: Any) -> bool:
    if value.__class__ is str:
        return not _USUAL.fullmatch(value)
    return value.__class__ is JsonText and not all(map(_USUAL.fullmatch, _IN_JSON.findall(value)))
