"""That a DAG does not run is told where it ran by a habit, and not where somebody tried it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.watch.conftest import BEGIN, DAY, HOUR, Watched

SILENT = "DAG kombo_push does not run"
LATE = "Integration greenhouse:a is not up to date"


def heard_until(watched: Watched, end: timedelta) -> list[str]:
    """Watch every hour until then."""
    heard = []
    while watched.at < BEGIN + end:
        heard += watched.look(HOUR)
    return heard


@pytest.mark.parametrize("kind", ["manual__", "scheduled__"])
def test_a_dag_that_was_tried_some_times_on_a_day_need_not_run_again(watched: Watched, kind: str) -> None:
    for number in range(4):
        watched.run(began=BEGIN + number * timedelta(minutes=5), kind=kind)
    assert heard_until(watched, 6 * DAY) == []


def test_runs_that_a_person_starts_beside_the_schedule_are_no_habit(watched: Watched) -> None:
    for day in range(29):
        watched.run(began=BEGIN + day * DAY, kind="scheduled__" if day % 7 == 0 else "manual__")
    watched.at = BEGIN + 28 * DAY
    assert heard_until(watched, 34 * DAY) == []


def test_a_dag_that_another_one_triggers_every_day_is_told_of_when_that_stops(watched: Watched) -> None:
    """Airflow calls the runs that a DAG triggers manual, like those of a person."""
    for day in range(10):
        watched.run(began=BEGIN + day * DAY, kind="manual__")
    watched.at = BEGIN + 9 * DAY
    assert heard_until(watched, 14 * DAY) == [SILENT]


def test_a_first_load_of_many_runs_in_a_row_does_not_make_a_daily_dag_late(watched: Watched) -> None:
    watched.run()
    for number in range(1, 20):
        watched.run(began=BEGIN + number * timedelta(minutes=51), kind=f"next_{number}__scheduled__")
    heard = []
    for day in range(1, 5):
        heard += heard_until(watched, day * DAY)
        watched.run()
    assert heard == []
    assert heard_until(watched, 6 * DAY) == [SILENT]


def test_a_weekly_dag_that_was_tried_on_its_first_day_is_not_late_before_its_week_is_over(watched: Watched) -> None:
    for number in range(4):
        watched.run(began=BEGIN + number * timedelta(minutes=5))
    heard = []
    for week in range(1, 4):
        heard += heard_until(watched, week * 7 * DAY)
        watched.run()
    assert heard == []
    assert heard_until(watched, 30 * DAY) == [SILENT]


def test_rows_of_a_dag_that_only_persons_run_are_told_as_late(watched: Watched) -> None:
    for number in range(4):
        watched.run(began=BEGIN + number * timedelta(minutes=5), kind="manual__")
    watched.rows("greenhouse:a", "ready", 7)
    assert heard_until(watched, DAY) == [LATE]


def test_a_former_dag_of_the_source_that_is_not_run_any_more_keeps_no_late_row_quiet(watched: Watched) -> None:
    for day in range(10):
        watched.run(began=BEGIN - day * DAY, dag_id="former_push")
    watched.run()
    watched.rows("greenhouse:a", "ready", 7)
    assert heard_until(watched, 2 * DAY) == [LATE, "DAG former_push does not run"]
