"""Which rows of the source a run takes, by their `changed_at`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kombo_provider.errors import SourceError


@dataclass(frozen=True, slots=True)
class Window:
    """Rows with `changed_at` in [lower, upper); None leaves a side open; `undated` takes rows without one."""

    lower: datetime | None = None
    upper: datetime | None = None
    undated: bool = True

    def contains(self, changed_at: datetime | None) -> bool:
        """Tell whether a row with this instant is taken."""
        if changed_at is None:
            return self.undated
        return (self.lower is None or changed_at >= self.lower) and (self.upper is None or changed_at < self.upper)

    def widened(self) -> tuple[datetime | None, datetime | None]:
        """Bounds, in UTC, that no time zone can make a row of the window fall out of: for a first cut in SQL."""
        margin = timedelta(days=1)
        lower = shifted(self.lower, -margin) if self.lower else None
        upper = shifted(self.upper, margin) if self.upper else None
        return lower, upper

    def __str__(self) -> str:
        """Name the window for a log line."""
        lower = f"{self.lower:%Y-%m-%d %H:%M:%S} UTC" if self.lower else "the beginning"
        upper = f"{self.upper:%Y-%m-%d %H:%M:%S} UTC" if self.upper else "the end"
        return f"[{lower}, {upper})"


def shifted(at: datetime, by: timedelta) -> datetime:
    """Return the instant moved, in UTC; at the ends of time it stays."""
    try:
        return at.astimezone(UTC) + by
    except OverflowError:
        return at


def choose_window(
    kind: str,
    *,
    watermark: datetime | None,
    lookback: timedelta,
    interval: tuple[datetime, datetime] | None,
    scheduled: bool,
    started_at: datetime,
) -> tuple[Window, datetime | None]:
    """Return the window of a run and where the watermark moves after it (None: it stays).

    `kind` is `new`, `interval` or `all`; `scheduled` runs end with their interval, all others at `started_at`.
    Raises SourceError for an interval window where the run has no interval.
    """
    if kind == "all":
        return Window(), started_at
    if kind == "interval":
        if interval is None or interval[0] >= interval[1]:
            raise SourceError(
                "window=interval, which backfills use, needs a run with a data interval, and this run has none: use "
                "window=new or window=all, or give the DAG a schedule=CronDataIntervalTimetable(…)"
            )
        return Window(*interval, undated=False), None
    upper = interval[1] if scheduled and interval else started_at
    if watermark is not None:
        return Window(watermark - lookback, upper), upper
    return Window(interval[0] if scheduled and interval else None, upper), upper
