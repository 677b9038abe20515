"""The window on SQLite as ranges of ISO texts, which an index of `changed_at` can serve.

SQLite's columns hold anything. So the condition names what is left out, the days of the calendar outside of the
window, and keeps the gaps between its months as well: numbers, other spellings, a 31st of February. A text that begins
with a day and is no instant all the same ("1999-01-01 soon") is met by the first run, and by the next sweep.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from kombo_provider.source.window import Window, shifted

_FIRST_YEAR, _YEARS_AHEAD = 1970, 2
"""Days before and after are few, and read: SQLite takes no more than a thousand conditions joined by OR."""


def ranges(column: str, window: Window) -> str:
    """Return the condition on a quoted column: a day wider than the window on both sides."""
    lower, upper = window.widened()
    starts_at = lower.date().isoformat() if lower else None
    ends_at = shifted(upper, timedelta(days=1)).date().isoformat() if upper else None
    kept: list[str] = []
    gap_from: str | None = None
    for begin, end in _outside(starts_at, ends_at):
        before = f"{column} < '{begin}'"
        if gap_from is None:
            kept.append(before)
        else:
            kept.append(f"{column} >= '{gap_from}' AND {before}")
        gap_from = end
    behind = "TRUE"
    if gap_from is not None:
        behind = f"{column} >= '{gap_from}'"
    # The gaps hold hardly any row: told so, SQLite goes through an index for each instead of through the table once.
    return " OR ".join([behind, f"{column} IS NULL", *(f"unlikely({gap})" for gap in kept)])


def _outside(starts_at: str | None, ends_at: str | None) -> Iterator[tuple[str, str]]:
    """Yield the parts of months that lie outside, in order: first text, and the text behind the last."""
    for year in range(_FIRST_YEAR, datetime.now(UTC).year + _YEARS_AHEAD):
        for month in range(1, 13):
            first = f"{year}-{month:02}-01"
            behind = f"{year}-{month:02}-{monthrange(year, month)[1] + 1}"
            if starts_at is not None and first < starts_at:
                yield first, min(behind, starts_at)
            if ends_at is not None and behind > ends_at:
                yield max(first, ends_at), behind


def is_served(conn: Any, sql: str, condition: str) -> bool:
    """Tell whether an index serves the ranges: SQLite would otherwise compare each row with hundreds of them."""
    plain = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
    cut = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql} WHERE {condition}").all()
    # The user's own SELECT may hold such a step too: only one more is ours.
    return _by_several(cut) > _by_several(plain)


def _by_several(plan: Any) -> int:
    return sum(step[-1] == "MULTI-INDEX OR" for step in plan)
