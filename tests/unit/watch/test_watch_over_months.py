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


def test_a_dag_that_was_deleted_is_told_as_over_once_and_its_rows_are_told_instead(watched: Watched) -> None:
    _daily_runs(watched)
    watched.rows("greenhouse:a", "ready")
    assert watched.look(2 * DAY) == ["DAG kombo_push does not run"]
    watched.airflow.gone.add("kombo_push")
    told = watched.look(HOUR)
    assert "Over: DAG kombo_push does not run" in told
    assert len(told) == 2, "its rows wait, and nobody sends them"
    assert [news for _ in range(14) for news in watched.look(WEEKS)] == []


def test_a_deleted_dag_that_died_before_its_report_is_told_as_over(watched: Watched) -> None:
    watched.run(ended=False)
    assert watched.look(DAY) == ["DAG kombo_push died before its report"]
    watched.airflow.gone.add("kombo_push")
    assert watched.look(HOUR) == ["Over: DAG kombo_push died before its report"]
