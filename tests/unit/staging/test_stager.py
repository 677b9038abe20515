"""How far an extract reaches: up to its limit, and no further than its window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kombo_provider.staging.narrowing import Narrowing
from tests.unit.staging.people import Source

DAYS = tuple(datetime(2026, 11, day, tzinfo=UTC) for day in (1, 10, 27))
LONG_AHEAD = "2199-01-01 00:00:00"


@pytest.mark.parametrize("of_the_future", [5, 10, 12, 50])
def test_rows_of_the_future_take_no_place_of_a_limit(source: Source, of_the_future: int) -> None:
    source.add(range(1000, 1000 + of_the_future), "ats", LONG_AHEAD)
    source.add(range(100), "ats")
    report = source.stage(narrowing=Narrowing(limit=10), window="all", approve_above=1000)
    assert (report.counts["new"], report.counts["not_yet"]) == (10, of_the_future)
    assert report.ready == {"ats": 10}


def test_rows_of_the_future_that_come_last_take_no_place_either(source: Source) -> None:
    source.add(range(4), "ats")
    source.add(range(1000, 1010), "ats", LONG_AHEAD)
    assert source.stage(narrowing=Narrowing(limit=10), window="all", approve_above=1000).ready == {"ats": 4}


def test_what_was_looked_at_before_the_first_run_moves_no_watermark(source: Source) -> None:
    """A target that has ids, and an empty ledger: all rows are looked at before the first of them is staged."""
    source.add(range(1, 2), "others")
    source.give_target()
    source.has_id(1, "an-id-of-others")
    for number, day in enumerate(DAYS):
        source.add(range(10 + number, 11 + number), "mine", f"{day + timedelta(hours=12):%Y-%m-%d %H:%M:%S}")
    source.run("CREATE VIEW mine AS SELECT * FROM people WHERE ats = 'mine'")
    new = []
    for day in DAYS:
        interval = day, day + timedelta(days=1)
        report = source.stage_from("mine", scheduled=True, interval=interval, first_run="from_now")
        new.append(report.counts["new"])
    assert new == [1, 1, 1]
