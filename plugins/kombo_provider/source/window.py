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
        if self.lower is not None and changed_at < self.lower:
            return False
        return self.upper is None or changed_at < self.upper

    def widened(self) -> tuple[datetime | None, datetime | None]:
        """Bounds, in UTC, that no time zone can make a row of the window fall out of: for a first cut in SQL."""
        margin = timedelta(days=1)  # no zone's offset is bigger
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


FIRST_RUNS = ("ask", "all", "from_now")
"""What a scheduled run does that finds no watermark: look for older rows first, send them, or begin at its interval."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the ledger remembers of a source; `sweep_due`: it is time to read down to the floor again."""

    watermark: datetime | None = None
    floor: datetime | None = None
    sweep_due: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run reads, and what it remembers afterwards.

    `moves`: the watermark follows the greatest `changed_at` that was seen in the window. `begins_at`: the watermark of
    a first run that saw none. `floor`: no later scheduled run reads below it. `older_than`: rows before it have to be
    known to the ledger, or the run stops.
    """

    window: Window
    moves: bool = False
    sweeps: bool = False
    begins_at: datetime | None = None
    floor: datetime | None = None
    older_than: datetime | None = None


def plan_run(
    kind: str,
    state: SourceState,
    *,
    lookback: timedelta,
    interval: tuple[datetime, datetime] | None,
    scheduled: bool,
    started_at: datetime,
    first_run: str = "ask",
) -> Plan:
    """Return what a run reads.

    `kind` is `new`, `interval` or `all`; `scheduled` runs end with their interval, all others at `started_at`.
    Raises SourceError for an interval window where the run has no interval.
    """
    if kind == "interval":
        return Plan(_whole_interval(interval))
    if kind == "all":
        return Plan(Window(None, started_at), moves=True, sweeps=True, begins_at=started_at)
    start, upper = interval if scheduled and interval else (None, started_at)
    if state.watermark is None:
        return _first(start, upper, first_run)
    if scheduled and state.sweep_due:
        return Plan(Window(state.floor, upper), moves=True, sweeps=True)
    lower = shifted(state.watermark, -lookback)
    if scheduled and state.floor is not None:
        # A `lookback` longer than the source is known must not bring in what first_run="from_now" left out.
        lower = max(lower, state.floor)
    return Plan(Window(lower, upper), moves=True)


def _whole_interval(interval: tuple[datetime, datetime] | None) -> Window:
    if interval is None or interval[0] >= interval[1]:
        raise SourceError(
            "window=interval, which backfills use, needs a run with a data interval, and this run has none: use "
            "window=new or window=all, or give the DAG a schedule=CronDataIntervalTimetable(…)"
        )
    return Window(*interval, undated=False)


def _first(start: datetime | None, upper: datetime, first_run: str) -> Plan:
    """Plan a run that finds no watermark; only a scheduled one has a `start`."""
    if start is None or first_run == "all":
        return Plan(Window(None, upper), moves=True, sweeps=True, begins_at=upper)
    window = Window(start, upper)
    if first_run == "from_now":
        return Plan(window, moves=True, sweeps=True, begins_at=start, floor=start)
    return Plan(window, moves=True, sweeps=True, begins_at=start, older_than=start)
