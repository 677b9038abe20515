"""Everything is read at first, when more is wanted than before, and once a week, each integration at its own time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kombo_provider.ledger.pulls import Pull
from kombo_provider.sync.plan import LEARNED_AT_MOST, OVERLAP, Wanted, updated_after

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LAST = Pull("kombo_default", "greenhouse:a", "applications", 2, AT, AT - HOUR, AT - HOUR, "sent", personal=False)


def test_what_changed_since_the_last_pull_is_asked_for_with_an_overlap() -> None:
    assert updated_after(LAST, Wanted()) == AT - HOUR - OVERLAP


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ({"watermark": None}, {}),
        ({"full_at": None}, {}),
        ({"full_at": AT - timedelta(days=7)}, {}),
        ({}, {"scope": "all"}),
        ({}, {"personal": True}),
        ({}, {"full_now": True}),
        ({}, {"full_every": timedelta(0)}),
    ],
)
def test_everything_is_asked_for(before: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert updated_after(replace(LAST, **before), Wanted(**wanted)) is None


@pytest.mark.parametrize(("before", "wanted"), [({"scope": "all"}, {}), ({"personal": True}, {})])
def test_to_want_less_than_before_is_no_reason_to_read_everything(
    before: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert updated_after(replace(LAST, **before), Wanted(**wanted)) is not None


def test_where_very_many_are_missing_one_full_pull_takes_fewer_requests() -> None:
    assert updated_after(LAST, Wanted(), LEARNED_AT_MOST) is not None
    assert updated_after(LAST, Wanted(), LEARNED_AT_MOST + 1) is None


def test_the_weekly_full_pulls_of_a_fleet_are_spread_over_the_week() -> None:
    days: Counter[int] = Counter()
    for number in range(700):
        pull = replace(LAST, integration_id=f"ats:{number}")
        hours = [hour for hour in range(7 * 24) if _is_full(pull, hour)]
        assert len(hours) == 1
        days[hours[0] // 24] += 1
    assert min(days.values()) > 70
    assert max(days.values()) < 130


def _is_full(pull: Pull, hour: int) -> bool:
    began_at = AT + hour * HOUR
    hourly = replace(pull, began_at=began_at, watermark=began_at - HOUR, full_at=began_at - HOUR)
    return updated_after(hourly, Wanted()) is None
