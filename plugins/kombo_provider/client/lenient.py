"""JSON that no reader takes as it stands, read all the same: one odd value of a record must not hide a whole list."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_DEEPEST: Final = 100
"""Lists and objects in one another; a page with a record is five deep, and its custom fields some more."""
_LONGEST_NUMBER: Final = 1_000  # digits; Python itself reads none of more than 4,300
_TOKEN: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)


def read_leniently(body: bytes) -> Any:
    """Return what a JSON text says; raises ValueError where it is none.

    What is nested deeper than anything of Kombo's is None, a number of thousands of digits is their text, and a byte
    that is no UTF-8 a mark for it.
    """
    text = body.decode("utf-8-sig", "replace")
    return json.loads(_without_depths(text), strict=False, parse_int=_whole)


def _without_depths(text: str) -> str:
    depth, begins = 0, 0
    kept = []
    for found in _TOKEN.finditer(text):
        sign = text[found.start()]
        if sign in "[{":
            depth += 1
            if depth == _DEEPEST + 1:
                kept += [text[begins : found.start()], "null"]
        elif sign in "]}":
            if depth == _DEEPEST + 1:
                begins = found.end()
            depth -= 1
    return "".join([*kept, text[begins:]])


def _whole(digits: str) -> int | str:
    if len(digits) > _LONGEST_NUMBER:
        return digits
    return int(digits)
