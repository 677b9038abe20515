"""What a lane's row says of who waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

WISH = timedelta(seconds=90)
"""Outlasts the time between two looks of a task that holds no worker slot; a waiter that died costs no more."""

NO_WISH: dict[str, Any] = {"wanted_by": None, "wanted_source": None, "wanted_until": None}


@dataclass(frozen=True, slots=True)
class Wish:
    """Who waits for a lane, with ordinary rows of which source, until when."""

    holder: str
    source: str
    until: datetime

    def stands(self, at: datetime) -> bool:
        """Tell whether it lasts still.

        One that ends later than any can was written by a clock that was wrong, and is not believed.
        """
        return at < self.until <= at + 2 * WISH

    def is_against(self, holder: str, serves: str | None, at: datetime) -> bool:
        """Tell whether the lane is kept for somebody else.

        `serves` is the source whose rows `holder` sends without exception.
        """
        return self.stands(at) and self.holder != holder and self.source != serves


def wish_of(lane: Row[Any]) -> Wish | None:
    """Return the wish on a row of `kombo_lanes`."""
    if lane.wanted_by is None:
        return None
    return Wish(lane.wanted_by, lane.wanted_source, lane.wanted_until)
