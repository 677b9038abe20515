"""Whether anything may leave on a lane."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from kombo_provider.ledger import LaneState, lane_actions, lane_states, now, summary
from kombo_provider.ledger._tables import EVERYWHERE, lanes
from tests.unit.ledger.book import GRACE, RUN, VALID, Book

HOUR = timedelta(hours=1)
CONN, LANE = "kombo_default", "greenhouse:a"


def test_a_pause_ends_at_its_time(book: Book) -> None:
    with book.ledger.transaction() as conn:
        at = now(conn)
        lane_states.set_state(conn, "k", "a", LaneState.PAUSED, paused_until=at + HOUR)
        status = lane_states.own_status(conn, "k", "a")
    assert status.pause_lasts(at)
    assert not status.pause_lasts(at + HOUR)


def test_a_pause_of_a_clock_that_was_a_year_ahead_holds_no_lane(book: Book) -> None:
    with book.ledger.transaction() as conn:
        at = now(conn)
        lane_states.set_state(conn, "k", "a", LaneState.PAUSED, paused_until=at + 366 * 24 * HOUR)
        conn.execute(lanes.update().values(since=at + 365 * 24 * HOUR))
        assert not lane_states.own_status(conn, "k", "a").pause_lasts(at)


BLOCKED = LaneState.BLOCKED


@pytest.mark.parametrize("odd", ["*", "%", "all", "everywhere", "k", " ", "null"])
def test_a_refused_integration_blocks_no_other_lane_whatever_its_id_looks_like(book: Book, odd: str) -> None:
    with book.ledger.transaction() as conn:
        lane_states.set_state(conn, "k", odd, BLOCKED, code="INTEGRATION.INACTIVE")
        states = lane_states.statuses(conn, "k", ["greenhouse:a", odd])
        others = lane_states.statuses(conn, "other", ["greenhouse:a", odd])
    assert {name: status.state for name, status in states.items()} == {"greenhouse:a": LaneState.OPEN, odd: BLOCKED}
    assert {status.state for status in others.values()} == {LaneState.OPEN}


def snooze(conn: Connection, *, hours: int = 24, lane: str = "greenhouse:a") -> None:
    until = now(conn) + hours * HOUR
    assert lane_actions.snooze_lane(conn, "kombo_default", lane, GRACE, until=until, reason="they know")


def passed_over(conn: Connection, *names: str) -> set[str]:
    return lane_states.snoozed(conn, "kombo_default", names or ("greenhouse:a",))


def test_a_snooze_covers_only_the_code_it_was_given_for(book: Book) -> None:
    with book.ledger.transaction() as conn:
        lane_states.set_state(conn, "kombo_default", "greenhouse:a", BLOCKED, code="INTEGRATION.INACTIVE")
        lane_states.set_state(conn, "kombo_default", "greenhouse:b", BLOCKED, code="INTEGRATION.INACTIVE")
        snooze(conn)
        assert passed_over(conn, "greenhouse:a", "greenhouse:b") == {"greenhouse:a"}
        lane_states.set_state(conn, "kombo_default", "greenhouse:a", BLOCKED, code="INTEGRATION.PERMISSION_MISSING")
        assert passed_over(conn) == set()
        lane_states.set_state(conn, "kombo_default", "greenhouse:a", BLOCKED, code="INTEGRATION.INACTIVE")
        assert passed_over(conn) == {"greenhouse:a"}


def test_a_snooze_of_a_pause_without_a_code_covers_pauses_without_a_code(book: Book) -> None:
    with book.ledger.transaction() as conn:
        lane_states.set_state(conn, "kombo_default", "greenhouse:a", LaneState.PAUSED, paused_until=now(conn) + HOUR)
        snooze(conn)
        assert passed_over(conn) == {"greenhouse:a"}
        lane_states.set_state(conn, "kombo_default", "greenhouse:a", BLOCKED, code="INTEGRATION.INACTIVE")
        assert passed_over(conn) == set()


def test_a_snooze_ends_at_its_time_and_when_the_lane_is_opened(book: Book) -> None:
    with book.ledger.transaction() as conn:
        lane_states.set_state(conn, "kombo_default", "greenhouse:a", BLOCKED, code="X")
        snooze(conn)
        conn.execute(lanes.update().values(snoozed_until=now(conn)))
        assert passed_over(conn) == set()
        snooze(conn)
        lane_actions.open_lane(conn, "kombo_default", "greenhouse:a", GRACE)
        lane_states.set_state(conn, "kombo_default", "greenhouse:a", BLOCKED, code="X")
        assert passed_over(conn) == set()


@pytest.mark.parametrize("hours", [0, -1, 30 * 24 + 1])
def test_a_snooze_without_an_end_within_30_days_is_refused(book: Book, hours: int) -> None:
    with book.ledger.transaction() as conn:
        lane_states.set_state(conn, "kombo_default", "greenhouse:a", BLOCKED, code="X")
        with pytest.raises(ValueError, match="within 30 days"):
            snooze(conn, hours=hours)


def test_rows_on_a_snoozed_lane_are_counted_apart_from_those_that_are_late(book: Book) -> None:
    book.stage(VALID, VALID.but(integration_id="greenhouse:b"))
    with book.ledger.transaction() as conn:
        for lane in ("greenhouse:a", "greenhouse:b"):
            lane_states.set_state(conn, "kombo_default", lane, BLOCKED, code="X")
        snooze(conn)
        counted = summary.by_status(conn, "crm.applicants", RUN)
    assert counted == {"greenhouse:a": {"snoozed": 1}, "greenhouse:b": {"ready": 1}}


@pytest.mark.parametrize("state", [LaneState.OPEN, LaneState.PAUSED, LaneState.BLOCKED])
def test_what_a_request_or_a_check_finds_out_does_not_open_a_lane_that_a_person_stopped(
    book: Book, state: LaneState
) -> None:
    with book.ledger.transaction() as conn:
        lane_actions.stop_lane(conn, "kombo_default", "greenhouse:a", GRACE)
        lane_states.set_state(conn, "kombo_default", "greenhouse:a", state, code="X")
        assert lane_states.own_status(conn, "kombo_default", "greenhouse:a").state is LaneState.STOPPED
        lane_actions.open_lane(conn, "kombo_default", "greenhouse:a", GRACE)
        assert lane_states.own_status(conn, "kombo_default", "greenhouse:a").state is LaneState.OPEN


def _status(book: Book, lane: str = LANE, conn_id: str = CONN) -> lane_states.LaneStatus:
    with book.ledger.transaction() as conn:
        return lane_states.statuses(conn, conn_id, [lane])[lane]


def _set(book: Book, conn_id: str, lane: str, state: LaneState, **more: Any) -> None:
    with book.ledger.transaction() as conn:
        lane_states.set_state(conn, conn_id, lane, state, **more)


def test_a_lane_nobody_knows_is_open(book: Book) -> None:
    assert _status(book).state is LaneState.OPEN


def test_a_state_for_the_connection_holds_for_its_lanes_and_one_for_everything_for_all(book: Book) -> None:
    _set(book, CONN, LANE, LaneState.OPEN)
    _set(book, CONN, EVERYWHERE, LaneState.BLOCKED, code="KEY", log_url="https://x")
    assert (_status(book).state, _status(book).code, _status(book).log_url) == (LaneState.BLOCKED, "KEY", "https://x")
    assert _status(book, "new:lane").state is LaneState.BLOCKED
    assert _status(book, conn_id="kombo_other").state is LaneState.OPEN
    _set(book, EVERYWHERE, EVERYWHERE, LaneState.DRAINED)
    assert {_status(book).state, _status(book, conn_id="kombo_other").state} == {LaneState.DRAINED}
    _set(book, EVERYWHERE, EVERYWHERE, LaneState.OPEN)
    assert _status(book).state is LaneState.BLOCKED


def test_of_two_pauses_the_longer_one_counts(book: Book) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    _set(book, CONN, LANE, LaneState.PAUSED, paused_until=at, pauses=3)
    _set(book, CONN, EVERYWHERE, LaneState.PAUSED, paused_until=at + timedelta(minutes=1))
    assert _status(book).paused_until == at + timedelta(minutes=1)
    with book.ledger.transaction() as conn:
        assert lane_states.own_status(conn, CONN, LANE).state is LaneState.PAUSED
        assert lane_states.own_status(conn, CONN, "lever:b").state is LaneState.OPEN


def test_a_lane_stays_with_the_environment_that_it_was_first_served_from(book: Book) -> None:
    with book.ledger.transaction() as conn:
        lane_states.bind_environment(conn, CONN, LANE, "env-1")
        lane_states.bind_environment(conn, CONN, LANE, "env-1")
        lane_states.bind_environment(conn, CONN, "lever:b", "env-2")
        assert lane_states.bind_environment(conn, CONN, LANE, "env-2") == "env-1"
