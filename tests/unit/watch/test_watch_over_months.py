"""What stays wrong for longer than the watch remembers runs is told once, and is over only when it is."""

from __future__ import annotations

from tests.unit.watch.conftest import BEGIN, DAY, HOUR, Watched

WEEKS = 7 * DAY


def _daily_runs(watched: Watched, days: int = 20) -> None:
    for day in range(days):
        watched.run(began=BEGIN - day * DAY)


def test_a_dag_paused_for_months_is_not_told_as_over_before_it_runs(watched: Watched) -> None:
    _daily_runs(watched)
    assert watched.look(2 * DAY) == ["DAG kombo_push does not run"]
    assert [news for _ in range(14) for news in watched.look(WEEKS)] == []
    watched.run()
    assert watched.look(HOUR) == ["Over: DAG kombo_push does not run"]
    assert watched.look(HOUR) == []


def test_a_run_that_died_months_ago_is_not_told_as_over_before_a_later_one_reports(watched: Watched) -> None:
    watched.run(ended=False)
    assert watched.look(DAY) == ["DAG kombo_push died before its report"]
    assert [news for _ in range(14) for news in watched.look(WEEKS)] == []
    watched.run()
    assert watched.look(HOUR) == ["Over: DAG kombo_push died before its report"]
