"""What one pull asks for: what changed since the last one, or everything. Pure; time is passed in."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from kombo_provider.ledger.pulled import Keep
from kombo_provider.ledger.pulls import Pull

Scope = Literal["sent", "all"]

OVERLAP = timedelta(minutes=1)
"""How much earlier than the last pull began the next one looks: clocks differ, and writers commit late.

Whether `updated_after` includes its own second is not documented (Kombo docs: querying-api).
"""

LEARNED_AT_MOST = 2_500
"""Records that are asked for by id before everything is read instead, which then takes fewer requests."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a pipeline stores: whose records, which personal data for how long, and how often everything is read."""

    scope: Scope = "sent"
    personal: bool = False
    keep_personal: timedelta = timedelta(days=365)
    full_every: timedelta = timedelta(days=7)
    full_now: bool = False

    def keep(self, at: datetime) -> Keep:
        """Return what is stored of the records now."""
        personal_since = None
        if self.personal:
            personal_since = at - self.keep_personal
        return Keep(everyone=self.scope == "all", personal_since=personal_since)


def updated_after(pull: Pull, wanted: Wanted, learned: int = 0) -> datetime | None:
    """Return since when changes are asked for, None for everything.

    Everything is read at first, when more is to be stored than before, and once in `full_every`: Kombo's
    `updated_after` does not see every change (API reference, section 7.2).
    """
    if pull.watermark is None or pull.full_at is None:
        return None
    if wanted.full_now or learned > LEARNED_AT_MOST:
        return None
    # What was passed over so far has not changed since, so asking for changes would never bring it.
    of_more_people = wanted.scope == "all" and pull.scope != "all"
    with_more_data = wanted.personal and not pull.personal
    if of_more_people or with_more_data:
        return None
    if _turn(pull, wanted, pull.full_at) != _turn(pull, wanted, pull.began_at):
        return None
    return pull.watermark - OVERLAP


def _turn(pull: Pull, wanted: Wanted, at: datetime) -> int:
    """Count the spans of `full_every`; each integration's begin at a time of its own, so that the fleet is spread."""
    if not wanted.full_every:  # everything each time: no two instants are of the same span
        return int((at - _EPOCH) / timedelta(microseconds=1))
    # Not hash(), which differs from process to process.
    share = zlib.crc32(f"{pull.integration_id} {pull.model}".encode()) / 2**32
    return (at - _EPOCH + share * wanted.full_every) // wanted.full_every


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
