"""When `stage` reads, and the groups of lanes that `deliver` is mapped over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException

from kombo_provider.operators.stage import GROUPS_AT_MOST, LONGEST_WAIT, grouped
from kombo_provider.pipeline import kombo_push_dag

NOW = datetime.now(UTC)


def _stage(waiting: int, first_look: datetime | None) -> None:
    """Begin a task while so many groups wait for a slot; it ends at the first thing that it says to others."""
    dag = kombo_push_dag(dag_id="push", source="crm", extract_sql="SELECT 1", write_back_table=None, schedule=None)
    asked: list[dict[str, Any]] = []

    def count(**what: Any) -> int:
        asked.append(what)
        return waiting

    stage: Any = dag.get_task("stage")
    ti = SimpleNamespace(dag_id="push", get_ti_count=count, get_first_reschedule_date=lambda _: first_look)
    try:
        stage.execute({"ti": ti})
    finally:
        assert asked == [{"dag_id": "push", "task_ids": ["deliver"], "states": ["scheduled", "queued"]}]


def test_while_groups_of_earlier_runs_wait_for_a_slot_nothing_is_read() -> None:
    """What it found could not be sent before these, and who comes after it would wait for this run's turns as well."""
    for first_look in (None, NOW - LONGEST_WAIT + timedelta(minutes=1)):
        with pytest.raises(AirflowRescheduleException) as raised:
            _stage(3, first_look)
        assert raised.value.reschedule_date > NOW


@pytest.mark.parametrize(("waiting", "first_look"), [(0, None), (3, NOW - LONGEST_WAIT)])
def test_it_reads_once_all_have_begun_and_never_waits_for_ever(waiting: int, first_look: datetime | None) -> None:
    with pytest.raises(AttributeError, match="xcom_push"):
        _stage(waiting, first_look)


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 127, 1000])
def test_groups_keep_the_order_so_that_short_lanes_start_first(count: int) -> None:
    names = [f"ats:{number}" for number in range(count)]
    groups = grouped(names)
    assert [name for group in groups for name in group] == names
    assert len(groups) == min(count, GROUPS_AT_MOST)
    assert all(groups)
    assert max(map(len, groups), default=0) - min(map(len, groups), default=0) <= 1
