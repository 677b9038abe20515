"""The window as a condition in SQL, so that a big table is not read for a small window.

It never fails on a value and is coarse, a day wider on both sides: the caller compares each row's own instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from kombo_provider.source.window import Window, shifted

_TIMESTAMPTZ, _NAIVE, _TEXT = 1184, (1114, 1082), (25, 1042, 1043)  # PostgreSQL's type OIDs
_DAYS: Final = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
_TIME: Final = r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
_INSTANT: Final = f"^(?!0000)[0-9]{{4}}-{_DAYS}({_TIME})?$".replace(":", r"\:")
"""A text that the mapping surely reads as an instant; a colon would be a parameter of the statement."""


def cut(sql: str, column: str, dialect: str, type_code: Any, window: Window) -> tuple[str, dict[str, Any]]:
    """Return the query with the window applied to its quoted column, and the parameters; `sql` as it is at need."""
    lower, upper = window.widened()
    bounds = [(name, at) for name, at in (("kombo_lower", lower), ("kombo_upper", upper)) if at is not None]
    if dialect == "sqlite":
        parameters = {name: _naive(at).isoformat(sep=" ") for name, at in bounds}
        day = f"substr({column}, 1, 10)"  # SQLite reads a time alone, a number and 31 February as instants too
        is_instant = f"date({day}, '+0 days') = {day} AND {day} >= '0001'"
        outside = [f"{is_instant} AND julianday({column}) {_beyond(name)} julianday(:{name})" for name in parameters]
        return _keep(sql, outside, parameters)
    if dialect == "postgresql" and type_code in _TEXT:
        return _cut_text(sql, column, bounds)
    if dialect == "postgresql" and type_code not in (_TIMESTAMPTZ, *_NAIVE):
        return sql, {}
    aware = dialect == "postgresql" and type_code == _TIMESTAMPTZ
    inside = " AND ".join(f"{column} {_within(name)} :{name}" for name, _ in bounds)  # an index can serve this
    no_instant = f"{column} IS NULL"
    if dialect == "postgresql":
        no_instant += f" OR {column} < '0001-01-01' OR {column} >= '10000-01-01'"  # BC, infinity: none to the mapping
    return f"{sql} WHERE ({inside}) OR {no_instant}", {name: at if aware else _naive(at) for name, at in bounds}


def _cut_text(sql: str, column: str, bounds: Sequence[tuple[str, datetime]]) -> tuple[str, dict[str, Any]]:
    """Compare the dates in front of ISO texts; anything else is left to the mapping, which says what is wrong."""
    text = f'btrim({column}) COLLATE "C"'
    days = {"kombo_lower": timedelta(0), "kombo_upper": timedelta(days=1)}
    parameters = {name: shifted(at, days[name]).date().isoformat() for name, at in bounds}
    return _keep(sql, [f"{text} ~ '{_INSTANT}' AND {text} {_beyond(name)} :{name}" for name in parameters], parameters)


def _keep(sql: str, outside: Sequence[str], parameters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Leave out what surely lies outside: what cannot be compared stays."""
    return f"{sql} WHERE ({' OR '.join(outside)}) IS NOT TRUE", parameters


def _within(bound: str) -> str:
    return ">=" if bound == "kombo_lower" else "<"


def _beyond(bound: str) -> str:
    return "<" if bound == "kombo_lower" else ">="


def _naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
