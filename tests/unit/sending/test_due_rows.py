"""When a task looks again for rows that are due."""

from __future__ import annotations

import pytest

from kombo_provider.sending.due_rows import DueRows
from kombo_provider.sending.options import Tuning

TUNING = Tuning()


@pytest.mark.parametrize("seconds", [None, TUNING.patience + 1])
def test_rows_that_are_not_due_within_the_task_s_patience_are_none(seconds: float | None) -> None:
    due = DueRows(TUNING)
    due.looked(seconds, 100.0)
    assert due.none_in_time
    assert due.look_again_at == 100.0 + TUNING.empty_lane


def test_a_row_that_is_due_soon_is_looked_for_then() -> None:
    due = DueRows(TUNING)
    due.looked(TUNING.empty_lane / 2, 100.0)
    assert not due.none_in_time
    assert due.look_again_at == 100.0 + TUNING.empty_lane / 2


def test_a_row_that_came_back_is_looked_for_at_once() -> None:
    due = DueRows(TUNING)
    due.looked(None, 100.0)
    due.came_back(100.1)
    assert (due.none_in_time, due.look_again_at) == (False, 100.1)


def test_the_next_look_is_worth_it_only_after_a_while() -> None:
    due = DueRows(TUNING)
    due.looked(None, 100.0)
    assert not due.is_look_due(100.0 + TUNING.empty_lane / 2)
    assert due.is_look_due(100.0 + TUNING.empty_lane)
