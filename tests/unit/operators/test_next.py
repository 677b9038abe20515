"""How a run is continued: under which name."""

from __future__ import annotations

import pytest

from kombo_provider.operators.next import next_run_id


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
