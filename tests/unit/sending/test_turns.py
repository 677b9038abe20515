"""Rows of ordinary runs leave before those of backfills, also where another source's backfill has the lane."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import count

import pytest
from sqlalchemy import select

from kombo_provider.client.outcome import Outcome
from kombo_provider.ledger._tables import lanes as lane_rows
from kombo_provider.sending.endings import Ending
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.options import Tuning
from kombo_provider.sending.turns import Turns
from tests.unit.sending.conftest import QUICK, Desk, delivered
from tests.waiting import PATIENCE_SECONDS, wait_until

LANE = "ats:a"
WAITING = replace(QUICK, ask_again=0.05, wait_for_lane=PATIENCE_SECONDS, longest_stint=0.0)


@pytest.fixture
def backfill(desk: Desk) -> Desk:
    """A sender with forty rows of a backfill."""
    desk.stage(*(f"old-{number}" for number in range(40)), lane=LANE, backfill=True)
    desk.options = replace(desk.options, tuning=WAITING)
    return desk


def _with_another(backfill: Desk, *, its_rows_are_of_a_backfill: bool) -> tuple[list[Ending | None], list[str], Desk]:
    """Send, and in the middle of it begin a run of another source on the lane; return endings and rows in turn."""
    other = Desk(backfill.ledger, "another source", "another task")
    other.options = replace(other.options, tuning=WAITING)
    sent: list[str] = []
    number = count(1)
    with ThreadPoolExecutor() as pool:
        runs: list[Future[list[Lane]]] = []

        def came_to_nothing_or_waits() -> bool:
            with backfill.ledger.transaction() as conn:
                return runs[0].done() or conn.scalar(select(lane_rows.c.wanted_by)) is not None

        def answer(job_id: str) -> Outcome:
            sent.append(job_id)
            if next(number) == 10:
                other.stage("new", lane=LANE, backfill=its_rows_are_of_a_backfill)
                runs.append(pool.submit(other.send, LANE))
                wait_until(came_to_nothing_or_waits)
            return delivered(job_id)

        backfill.client.answer = other.client.answer = answer
        lanes = backfill.send(LANE)
        lanes += runs[0].result()
    return [lane.ending for lane in lanes], sent, other


def test_a_backfill_hands_its_lane_to_an_ordinary_row_of_another_source_and_takes_it_back(backfill: Desk) -> None:
    endings, sent, other = _with_another(backfill, its_rows_are_of_a_backfill=False)
    assert endings == [Ending.DONE, Ending.DONE]
    assert sent.index("new") < 30, "it waited for the backfill"
    assert sorted(sent) == sorted({*sent}), "nobody is sent twice"
    assert set(backfill.statuses().values()) == {"delivered"}
    assert backfill.holders() == {None}
    assert other.client.asked == [(LANE, "new")]


def test_a_backfill_keeps_its_lane_where_another_backfill_waits(backfill: Desk) -> None:
    endings, sent, _ = _with_another(backfill, its_rows_are_of_a_backfill=True)
    assert endings == [Ending.DONE, Ending.HELD]
    assert "new" not in sent


def test_an_ordinary_run_keeps_its_lane(desk: Desk) -> None:
    desk.stage(*(f"row-{number}" for number in range(40)), lane=LANE)
    desk.options = replace(desk.options, tuning=WAITING)
    endings, sent, _ = _with_another(desk, its_rows_are_of_a_backfill=False)
    assert endings == [Ending.DONE, Ending.HELD], "no worker slot is held where the wait may be long"
    assert "new" not in sent


def test_time_that_a_change_cost_is_earned_back_before_the_next() -> None:
    turns = Turns(Tuning(longest_stint=30.0))
    assert turns.may_give_way(0.0)
    turns.give_way(100.0)
    turns.taken(105.0)
    assert not turns.may_give_way(124.0)
    assert turns.may_give_way(125.0)
    turns.give_way(200.0)
    turns.taken(300.0)
    assert turns.may_give_way(330.0), "who waits is not kept longer than the stint"


def test_a_lane_that_was_given_away_is_asked_for_only_so_long() -> None:
    turns = Turns(Tuning(ask_again=1.0, wait_for_lane=30.0))
    turns.give_way(100.0)
    assert turns.keep_asking(101.0, soon=False)
    assert not turns.wants_to_ask(101.5)
    assert turns.keep_asking(131.0, soon=False)
    assert not turns.keep_asking(131.5, soon=False)
