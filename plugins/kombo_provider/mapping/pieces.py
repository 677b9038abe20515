"""A column's cleaned values as pieces of the rows' JSON text: `,"key":value`, empty where a row has nothing there."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from types import NoneType
from typing import Any, Final

from kombo_provider.mapping.chunks import REPORTED
from kombo_provider.mapping.values import JsonText
from kombo_provider.mapping.whole_columns import repeats

_BETWEEN: Final = "\x7f"
"""Stands between texts that are encoded together: no printable text holds it, and JSON does not escape it."""

_EQUAL_MEANS_THE_SAME: Final = frozenset((str, JsonText, int, bool))
"""Not so floats: 0.0 equals -0.0, whose text is another."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode


def json_text(value: Any) -> str:
    """Return compact JSON text with sorted keys, so that equal values give equal text."""
    if type(value) is str:
        return encode_basestring(value)
    if type(value) is JsonText:
        return value
    if type(value) is int or type(value) is float:
        return repr(value)
    if value is REPORTED:  # so that the field does not also count as missing
        return "null"
    return _encode(value)


def pieces_of(key: str, values: list[Any]) -> list[str]:
    """Return key and value of each row as JSON text.

    A load spends much of its time here, so a column is encoded as a whole where it can be.
    """
    head = f",{encode_basestring(key)}:"
    kinds = set(map(type, values)) - {NoneType}
    if len(kinds) == 1:
        if kinds <= _EQUAL_MEANS_THE_SAME and repeats(values):
            return _of_repeated(head, values)
        if kinds == {str}:
            return _of_texts(head, values)
    return _one_by_one(head, values)


def _one_by_one(head: str, values: list[Any]) -> list[str]:
    return ["" if value is None else head + json_text(value) for value in values]


def _of_repeated(head: str, values: list[Any]) -> list[str]:
    """Encode each of a column's few values once."""
    distinct = list(set(values))
    known = dict(zip(distinct, _one_by_one(head, distinct), strict=True))
    return list(map(known.__getitem__, values))


def _of_texts(head: str, values: list[str | None]) -> list[str]:
    """Encode a column of texts by one call."""
    texts = [value for value in values if value is not None]
    together = encode_basestring(_BETWEEN.join(texts))
    pieces = (head + together.replace(_BETWEEN, f'"{_BETWEEN}{head}"')).split(_BETWEEN)
    if len(pieces) != len(texts):  # some text holds the sign itself
        return _one_by_one(head, values)
    if len(texts) == len(values):
        return pieces
    in_turn = iter(pieces)
    return ["" if value is None else next(in_turn) for value in values]
