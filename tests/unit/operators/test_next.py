"""How a run is continued: under which name, and beside which other runs."""

from __future__ import annotations

import pytest

from kombo_provider.operators.next import next_run_id, why_not_now


@pytest.mark.parametrize(
    ("run_id", "continued"),
    [
        ("scheduled__2026-11-26T10:00:00+00:00", "next_1__scheduled__2026-11-26T10:00:00+00:00"),
        ("next_1__scheduled__2026-11-26T10:00:00+00:00", "next_2__scheduled__2026-11-26T10:00:00+00:00"),
        ("next_99__mine", "next_100__mine"),
        ("next_week", "next_1__next_week"),
        ("m" * 250, "next_1__" + "m" * 242),
    ],
)
def test_each_run_of_a_chain_has_a_name_that_airflow_takes(run_id: str, continued: str) -> None:
    from airflow.utils.types import DagRunType

    assert next_run_id(run_id) == continued
    assert DagRunType.from_run_id(continued) is DagRunType.MANUAL, "else Airflow reserves it for another kind of run"


class Beside:
    """What Airflow tells a task of its DAG: whether it is paused, and how many runs are in which state."""

    def __init__(self, *, is_paused: bool = False, **runs: int) -> None:
        self.is_paused, self.runs = is_paused, runs

    def get_dag(self, _dag_id: str) -> Beside:
        return self

    def get_dr_count(self, *, dag_id: str, states: list[str]) -> int:
        assert dag_id == "push"
        return sum(self.runs.get(state, 0) for state in states)


@pytest.mark.parametrize(
    ("beside", "why"),
    [
        (Beside(running=1), None),
        (Beside(running=3), None),
        (Beside(running=1, queued=1), "queued already"),
        (Beside(running=2, queued=3), "queued already"),
        (Beside(running=1, is_paused=True), "paused"),
    ],
    ids=["alone", "another sends", "one is queued", "two send and several are queued", "paused"],
)
def test_a_run_is_continued_beside_another_that_sends_but_runs_do_not_pile_up(beside: Beside, why: str | None) -> None:
    """A run that sends beside this one may have read before these rows were left, or be narrowed to others."""
    said = why_not_now(beside, "push")
    assert (said is None) is (why is None)
    assert (why or "") in (said or "")
