"""How long a task may begin requests, and wait for lanes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kombo_provider.sending.options import TaskTime, task_time

STAGE = datetime(2026, 11, 26, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CALL_SECONDS = 300.0


def _time(run_for: timedelta, began: timedelta, at: timedelta) -> TaskTime:
    return task_time(
        run_for,
        stage_began=STAGE,
        task_began=STAGE + began,
        at=STAGE + at,
        call_seconds=CALL_SECONDS,
        leaves_to_holder=True,
    )


@pytest.mark.parametrize(
    ("run_for", "waited", "lasts"),
    [
        (50 * MINUTE, 2 * MINUTE, 48 * MINUTE),
        (50 * MINUTE, 45 * MINUTE, 5 * MINUTE),
        (50 * MINUTE, 49 * MINUTE, 5 * MINUTE),
        (50 * MINUTE, 300 * MINUTE, 5 * MINUTE),
        (0.75 * MINUTE, 0.5 * MINUTE, 0.75 * MINUTE),
        (0.75 * MINUTE, 60 * MINUTE, 0.75 * MINUTE),
    ],
)
def test_a_task_that_waited_long_for_its_worker_has_a_turn_all_the_same(
    run_for: timedelta, waited: timedelta, lasts: timedelta
) -> None:
    time = _time(run_for, waited, waited)
    assert max(time.send_for, time.at_least) == lasts.total_seconds()
    assert time.wait_for == lasts.total_seconds() + CALL_SECONDS


def test_a_lane_is_waited_for_no_longer_than_the_task_s_turn_and_a_call_however_often_it_was_asked_for() -> None:
    assert _time(50 * MINUTE, 48 * MINUTE, 56 * MINUTE).wait_for == 2 * 60.0
    assert _time(50 * MINUTE, 48 * MINUTE, 60 * MINUTE).wait_for == 0.0
