"""From when on something is worth a message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of `kombo_watch_dag`; documented there."""

    freshness: timedelta
    paused_for: timedelta
    doubts_after: timedelta
    late_after: timedelta
    unreported_after: timedelta
    max_refused_share: float
    min_refused: int
    volume_factor: float
    volume_min: int
