"""Whether anything may leave on a lane."""

from __future__ import annotations

from datetime import timedelta

from kombo_provider.ledger import LaneState, lane_states, now
from kombo_provider.ledger._tables import lanes
from tests.unit.ledger.book import Book

HOUR = timedelta(hours=1)


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
