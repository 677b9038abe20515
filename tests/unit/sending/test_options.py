"""How long a task may begin requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kombo_provider.sending.options import turn_ends

STAGE = datetime(2026, 11, 26, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


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
    began = STAGE + waited
    assert turn_ends(run_for, STAGE, began) - began == lasts


def test_a_later_try_has_only_what_is_left_of_the_runs_time() -> None:
    assert turn_ends(50 * MINUTE, STAGE, None) == STAGE + 50 * MINUTE
