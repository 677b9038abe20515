"""Columns cleaned at once: what holds for all cells together needs no look at each."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from itertools import compress
from types import NoneType
from typing import Any, Final
from uuid import UUID

from kombo_provider.mapping.values import INVISIBLE, Cleaner, Glance, Rules

_SAMPLE: Final = 256
_DISTINCT: Final = _SAMPLE // 4
_ALL_VISIBLE: Final = re.compile(rf"[^\s{INVISIBLE}]*+")
_BETWEEN: Final = "|"
_NEVER_MISSING: Final = frozenset((str, bytes, int, bool, NoneType, date, datetime, time, UUID, dict, list))


def none_is_missing(cells: list[Any]) -> bool:
    """Tell whether no cell is of a type with a "missing" of its own, such as NaN."""
    return _NEVER_MISSING.issuperset(map(type, cells))


def cleaned_at_once(cells: list[Any], clean: Cleaner, glance: Glance | None, rules: Rules) -> list[Any] | None:
    """Return what the cleaner makes of each cell, None where that needs a look at each; may raise as the cleaner does.

    Cells of one type that repeat are cleaned once: two of a type that are equal are the same.
    """
    kinds = set(map(type, cells)) - {NoneType}
    if kinds in ({str}, {int}) and repeats(cells):  # before the glance, which looks at all of them
        cleaned = {value: clean(value, rules) for value in set(cells) if value is not None}
        return list(map(cleaned.get, cells))
    if kinds == {str} and glance is not None:
        return _seen_at_a_glance(cells, glance, rules)
    return None


def repeats(values: list[Any]) -> bool:
    """Tell whether a column seems to have few values that come again and again; they can be hashed."""
    return len(set(values[:_SAMPLE])) <= _DISTINCT


def _seen_at_a_glance(cells: list[Any], glance: Glance, rules: Rules) -> list[Any] | None:
    there = [cell is not None for cell in cells]
    texts = list(compress(cells, there))
    if not _are_tidy(texts):
        return None
    found = glance(texts, rules)
    if found is None or len(texts) == len(cells):
        return found
    values = iter(found)
    return [next(values) if is_there else None for is_there in there]


def _are_tidy(texts: list[str]) -> bool:
    """Tell whether `values.tidy` would leave each text as it is, and none is empty.

    What is printable has no blanks but spaces. Texts that hold the sign between them may count as untidy.
    """
    together = _BETWEEN.join([*texts, ""])
    if not together.isprintable() or f" {_BETWEEN}" in together or "" in texts:
        return False
    begins = {text[0] for text in texts}
    return _ALL_VISIBLE.fullmatch("".join(begins)) is not None
