"""JSON that is passed on as it is: `remote_fields`, and what `extra_fields` admits."""

from __future__ import annotations

import json
import math
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn

from kombo_provider.mapping.instants import date_text
from kombo_provider.mapping.kinds import Kind, number
from kombo_provider.mapping.values import (
    TOO_DEEP,
    Json,
    Rules,
    check_characters,
    from_numpy,
    is_missing,
    refuse,
    text_of,
    tidy,
)

_DEEPEST = 100
"""Levels of a value. Whoever reads the payload later, with whatever stack below it, can still parse it."""


def parse_json(text: str) -> Any:
    """Return the value of JSON text; refuse what is no JSON, NaN and Infinity included."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise refuse(TOO_DEEP) from None
    except ValueError:
        raise refuse("is not valid JSON") from None


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError


def plain(value: Any, rules: Rules, depth: int = 0) -> Json:
    """Return a value as JSON can hold it; nothing inside it is left out or checked against Kombo's fields."""
    if depth > _DEEPEST:
        raise refuse(f"is nested more than {_DEEPEST} deep")
    value = from_numpy(value)
    if is_missing(value):
        return None
    if isinstance(value, dict):
        return {_text(str(key)): plain(item, rules, depth + 1) for key, item in sorted(value.items(), key=str)}
    if isinstance(value, list | tuple):
        return [plain(item, rules, depth + 1) for item in value]
    return _plain_scalar(value, rules)


def _plain_scalar(value: Any, rules: Rules) -> Json:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _finite(value)
    if isinstance(value, date):
        return date_text(value, rules)
    return number(value, rules) if isinstance(value, Decimal) else _text(text_of(value))


def _finite(value: float) -> float:
    if not math.isfinite(value):  # OverflowError for an integer that no float can hold
        raise refuse("holds a number that JSON has not")
    return value


def _text(text: str) -> str:
    check_characters(text)
    return text


def json_object(value: Any, rules: Rules) -> Json:
    """Return an object, given natively or as JSON text; an empty one stays."""
    if isinstance(value, str):
        text = tidy(value)
        value = parse_json(text) if text else None
    found = plain(value, rules)
    if found is not None and not isinstance(found, dict):
        raise refuse("expected an object, native or as JSON text")
    return found


def any_json(value: Any, rules: Rules) -> Json:
    """Return any value; text that is a JSON object or list becomes that, other text is tidied."""
    if not isinstance(value, str):
        return plain(value, rules)
    text = tidy(value)
    if text.startswith(("{", "[")):
        try:
            return plain(parse_json(text), rules)
        except ValueError:
            pass
    return _text(text) or None


JSON_OBJECT = Kind(json_object)
ANY_JSON = Kind(any_json)
