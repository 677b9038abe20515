"""Rows that wait too long are told, unless the reason why they wait is."""

from __future__ import annotations

from kombo_provider.ledger import LaneState
from tests.unit.watch.conftest import DAY, HOUR, Watched

LANE = "greenhouse:a"
REFUSED = "INTEGRATION.AUTHENTICATION_INVALID"
BLOCKED = f"Integration {LANE} is blocked ({REFUSED})"
LATE = f"Integration {LANE} is not up to date"


def test_rows_on_a_lane_that_opens_for_minutes_and_pauses_again_are_told_as_late(watched: Watched) -> None:
    watched.rows(LANE, "ready", 5)
    heard = []
    for _ in range(12):
        watched.lane(LANE, LaneState.PAUSED, "HTTP 503")
        heard += watched.look() + watched.look() + watched.look()
        watched.lane(LANE, LaneState.OPEN)
        heard += watched.look()
    assert heard == [LATE]
    watched.settle(LANE)
    assert watched.look() == [f"Over: {LATE}"]


def test_a_lane_that_opened_and_is_blocked_again_is_told_and_its_rows_are_not(watched: Watched) -> None:
    watched.rows(LANE, "ready", 5)
    watched.lane(LANE, LaneState.BLOCKED, REFUSED)
    assert watched.look(5 * HOUR) == [BLOCKED]
    watched.lane(LANE, LaneState.OPEN)
    assert watched.look() == [f"Over: {BLOCKED}"]
    watched.lane(LANE, LaneState.BLOCKED, REFUSED)
    assert watched.look() == [BLOCKED]
    assert watched.look(5 * HOUR) == []


def test_a_snoozed_lane_that_opens_has_time_to_catch_up(watched: Watched) -> None:
    watched.rows(LANE, "ready", 5)
    known = {"snoozed_until": watched.at + 10 * DAY, "snoozed_code": REFUSED}
    watched.lane(LANE, LaneState.BLOCKED, REFUSED, **known)
    assert watched.look(5 * DAY) == []
    watched.lane(LANE, LaneState.OPEN)
    assert watched.look() == watched.look(2 * HOUR) == []
    assert watched.look(HOUR) == [LATE]
