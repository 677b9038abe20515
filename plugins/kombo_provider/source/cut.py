"""The window as a condition in SQL, so that a big table is not read for a small window.

It never fails on a value and is coarse, a day wider on both sides: the caller compares each row's own instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Dialect

from kombo_provider.source.column_kind import ColumnKind, column_kind
from kombo_provider.source.window import Window, shifted

_DAYS: Final = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
_TIME: Final = r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
_INSTANT: Final = f"^[0-9]{{4}}-{_DAYS}({_TIME})?$"
"""A text that the mapping surely reads as an instant, but for the year 0; in words that every dialect's rules know."""

_TEXT_MATCHES: Final = {
    "postgresql": ('btrim({column}) COLLATE "C"', "{text} ~ :kombo_instant"),
    "mysql": ("TRIM({column})", "CAST({text} AS CHAR) REGEXP :kombo_instant"),
    "mariadb": ("TRIM({column})", "CAST({text} AS CHAR) REGEXP :kombo_instant"),
    "duckdb": ("trim({column})", "regexp_matches({text}, :kombo_instant)"),
}
"""A text without the blanks around it, and whether it is an instant; elsewhere texts are not cut."""

_NEITHER_BC_NOR_INFINITE: Final = "{column} < '0001-01-01' OR {column} >= '10000-01-01'"
_ZERO_DATE: Final = "YEAR({column}) * MONTH({column}) * DAYOFMONTH({column}) = 0"
_NO_INSTANT: Final = {
    "postgresql": _NEITHER_BC_NOR_INFINITE,
    "mysql": _ZERO_DATE,
    "mariadb": _ZERO_DATE,
    "duckdb": "NOT isfinite({column}) OR year({column}) NOT BETWEEN 1 AND 9999",
}
"""What a column of instants may hold that is none to the mapping."""


def cut(sql: str, column: str, dialect: Dialect, type_code: Any, window: Window) -> tuple[str, dict[str, Any]]:
    """Return the query with the window applied to its quoted column, and the parameters; `sql` as it is at need."""
    lower, upper = window.widened()
    bounds = [(name, at) for name, at in (("kombo_lower", lower), ("kombo_upper", upper)) if at is not None]
    if dialect.name == "sqlite":
        return _cut_on_sqlite(sql, column, bounds)
    kind = column_kind(dialect, type_code)
    if kind is ColumnKind.TEXT and dialect.name in _TEXT_MATCHES:
        return _cut_text(sql, column, dialect.name, bounds)
    if kind not in (ColumnKind.AWARE, ColumnKind.NAIVE):
        return sql, {}
    inside = " AND ".join(f"{column} {_within(name)} :{name}" for name, _ in bounds)  # an index can serve this
    no_instant = [f"{column} IS NULL"]
    if dialect.name in _NO_INSTANT:
        no_instant.append(_NO_INSTANT[dialect.name].format(column=column))
    parameters = {name: at if kind is ColumnKind.AWARE else _naive(at) for name, at in bounds}
    return f"{sql} WHERE ({inside}) OR {' OR '.join(no_instant)}", parameters


def _cut_on_sqlite(sql: str, column: str, bounds: Sequence[tuple[str, datetime]]) -> tuple[str, dict[str, Any]]:
    parameters = {name: _naive(at).isoformat(sep=" ") for name, at in bounds}
    day = f"substr({column}, 1, 10)"  # SQLite reads a time alone, a number and 31 February as instants too
    is_instant = f"date({day}, '+0 days') = {day} AND {day} >= '0001'"
    outside = [f"{is_instant} AND julianday({column}) {_beyond(name)} julianday(:{name})" for name in parameters]
    return _keep(sql, outside, parameters)


def _cut_text(
    sql: str, column: str, dialect: str, bounds: Sequence[tuple[str, datetime]]
) -> tuple[str, dict[str, Any]]:
    """Compare the dates in front of ISO texts; anything else is left to the mapping, which says what is wrong."""
    trimmed, matches = _TEXT_MATCHES[dialect]
    text = trimmed.format(column=column)
    is_instant = f"{matches.format(text=text)} AND {text} >= '0001'"
    days = {"kombo_lower": timedelta(0), "kombo_upper": timedelta(days=1)}
    parameters = {name: shifted(at, days[name]).date().isoformat() for name, at in bounds}
    outside = [f"{is_instant} AND {text} {_beyond(name)} :{name}" for name in parameters]
    return _keep(sql, outside, {**parameters, "kombo_instant": _INSTANT})


def _keep(sql: str, outside: Sequence[str], parameters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Leave out what surely lies outside: what cannot be compared stays."""
    return f"{sql} WHERE ({' OR '.join(outside)}) IS NOT TRUE", parameters


def _within(bound: str) -> str:
    return ">=" if bound == "kombo_lower" else "<"


def _beyond(bound: str) -> str:
    return "<" if bound == "kombo_lower" else ">="


def _naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
