"""A lane whose turn is another run's: what waits on it is left to that run, or the lane is taken over at its end."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select

from kombo_provider.client.outcome import Outcome
from kombo_provider.ledger import leases
from kombo_provider.ledger._tables import lanes as lane_rows
from kombo_provider.ledger.leases import Turn
from kombo_provider.sending.endings import Ending
from kombo_provider.sending.held import left_to_holders, look_again_in
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.options import TaskTime
from tests.unit.sending.conftest import QUICK, RUN, Desk, delivered
from tests.waiting import PATIENCE_SECONDS, wait_until

LANE = "ats:a"
MINUTES = 60.0
OURS = TaskTime(50 * MINUTES, 5 * MINUTES, 55 * MINUTES, began_ago=30.0)


def _hold(desk: Desk, *, serves: str | None, seconds: float, lease_seconds: float = leases.LEASE_SECONDS) -> None:
    with desk.ledger.transaction() as conn:
        turn = Turn(seconds)
        assert leases.acquire(conn, "k", LANE, "another task", RUN, lease_seconds, serves=serves, turn=turn)


def _is_left(desk: Desk, lane: Lane, now: float) -> bool:
    return lane.turns.leaves_to_holder("s", desk.options.holder, now)


@pytest.mark.parametrize(
    ("serves", "minutes", "lease_seconds", "left"),
    [
        ("s", 40.0, leases.LEASE_SECONDS, True),
        ("s", 0.5, leases.LEASE_SECONDS, False),
        ("s", 40.0, 30.0, False),
        ("another source", 40.0, leases.LEASE_SECONDS, False),
        (None, 40.0, leases.LEASE_SECONDS, False),
    ],
    ids=["it sends ours", "its turn ends soon", "it does not renew its lease", "it sends others", "it sends a part"],
)
def test_rows_are_left_to_the_holder_of_their_lane_where_it_sends_them_and_goes_on_for_long(
    desk: Desk, serves: str | None, minutes: float, lease_seconds: float, left: bool
) -> None:
    desk.stage("row", lane=LANE)
    desk.options = replace(desk.options, time=OURS)
    _hold(desk, serves=serves, seconds=minutes * MINUTES, lease_seconds=lease_seconds)
    (lane,) = desk.open(LANE)
    assert _is_left(desk, lane, lane.last_progress) is left


@pytest.mark.parametrize("serves", ["s", None], ids=["it sends ours", "it sends a part"])
def test_no_worker_slot_is_held_for_a_turn_of_many_minutes(desk: Desk, serves: str | None) -> None:
    desk.stage("row", lane=LANE)
    desk.options = replace(desk.options, time=OURS)
    _hold(desk, serves=serves, seconds=40 * MINUTES)
    (lane,) = desk.open(LANE)
    later = lane.last_progress + desk.options.tuning.wait_for_lane + 1.0
    held = leases.HeldTurn(serves, 40 * MINUTES, leases.LEASE_SECONDS)
    lane.asked_in_vain(later, soon=True, held=held)
    assert lane.ending is Ending.HELD


def test_nothing_is_waited_for_where_the_holder_sends_the_same_source_for_long(desk: Desk) -> None:
    """It had nothing on the wire for a moment, which looked like a backfill's giving way."""
    desk.stage("row", lane=LANE)
    desk.options = replace(desk.options, time=OURS)
    _hold(desk, serves="s", seconds=40 * MINUTES)
    (lane,) = desk.open(LANE)
    assert lane.ending is Ending.HELD


@pytest.mark.parametrize(
    "began_ago", [0.0, None], ids=["the holder may have died before", "a backfill may be the last run"]
)
def test_rows_are_not_left_to_a_holder_that_has_not_shown_that_it_lives_since_the_task_began(
    desk: Desk, began_ago: float | None
) -> None:
    desk.stage("row", lane=LANE)
    desk.options = replace(desk.options, time=replace(OURS, began_ago=began_ago))
    _hold(desk, serves="s", seconds=40 * MINUTES)
    (lane,) = desk.open(LANE)
    assert not _is_left(desk, lane, lane.last_progress)


def test_only_one_task_stands_by_for_a_lane_whose_turn_ends_soon(desk: Desk) -> None:
    desk.stage("row", lane=LANE)
    _hold(desk, serves="s", seconds=30.0)
    first, second = (Desk(desk.ledger, holder=holder) for holder in ("first", "second"))
    for one in (first, second):
        one.options = replace(one.options, time=OURS)
    for _ in range(2):
        left = [
            left_to_holders(desk.ledger, one.selection, one.options, one.open(LANE), {LANE}, time.monotonic())
            for one in (first, second)
        ]
        assert left == [[], [LANE]]
    assert _wanted_by(desk) == "first"


@pytest.mark.parametrize(("minutes", "seconds"), [(0.6, 26), (40.0, 30), (-1.0, 30)])
def test_a_task_is_back_shortly_before_the_holder_s_turn_ends(desk: Desk, minutes: float, seconds: float) -> None:
    desk.stage("row", lane=LANE)
    _hold(desk, serves="another source", seconds=minutes * MINUTES)
    (lane,) = desk.open(LANE)
    assert look_again_in([lane], {LANE: 1}, lane.last_progress) == pytest.approx(seconds, abs=1.0)


def test_a_lane_is_taken_over_when_its_holder_s_turn_ends_and_for_a_turn_of_one_s_own(desk: Desk) -> None:
    """The second task waits until after its own time: the first one's last call is answered late."""
    desk.stage(*(f"row-{number}" for number in range(20)), lane=LANE)
    patient = replace(QUICK, ask_again=0.05, wait_for_lane=PATIENCE_SECONDS)
    desk.options = replace(desk.options, tuning=patient, max_in_flight=1, time=TaskTime(5.0))
    second = Desk(desk.ledger, holder="another task")
    own_turn = TaskTime(0.0, at_least=PATIENCE_SECONDS, wait_for=PATIENCE_SECONDS)
    second.options = replace(second.options, tuning=patient, time=own_turn)
    turn_ends = time.monotonic() + 6.0
    with ThreadPoolExecutor() as pool:
        runs: list[Future[list[Lane]]] = []

        def answer(job_id: str) -> Outcome:
            runs.append(pool.submit(second.send, LANE))
            wait_until(lambda: _wanted_by(desk) == "another task" and time.monotonic() > turn_ends)
            return delivered(job_id)

        desk.client.answer = answer
        endings = [lane.ending for lane in (*desk.send(LANE), *runs[0].result())]
    assert endings == [Ending.LEFT, Ending.DONE]
    assert (len(desk.client.asked), len(second.client.asked)) == (1, 19)


def _wanted_by(desk: Desk) -> str | None:
    with desk.ledger.transaction() as conn:
        return conn.scalar(select(lane_rows.c.wanted_by))
