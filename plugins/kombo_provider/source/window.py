"""Which rows of the source a run takes, by their `changed_at`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


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
