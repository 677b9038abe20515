"""When `stage` reads, and the groups of lanes that `deliver` is mapped over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowRescheduleException
from sqlalchemy import create_engine

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger, RunRef
from kombo_provider.operators.run_params import RunKind
from kombo_provider.operators.stage import GROUPS_AT_MOST, LONGEST_WAIT, LOOKS_AGAIN_IN, SLOTS_ARE_FEW_FROM, grouped
from kombo_provider.pipeline import kombo_push_dag


def _dag() -> DAG:
    return kombo_push_dag(dag_id="push", source="crm", extract_sql="SELECT 1", write_back_table=None, schedule=None)


def _run(run_id: str) -> RunKind:
    return RunKind(RunRef("push", run_id), scheduled=True, backfill=False, interval=None)


def _stage(queued: int, waits_for: timedelta | None = None, **params: Any) -> list[dict[str, Any]]:
    """Begin a task while so many groups wait for a slot; return what it asked before it would have gone on."""
    dag = _dag()
    asked: list[dict[str, Any]] = []

    def count(**what: Any) -> int:
        asked.append(what)
        return queued

    first_look = datetime.now(UTC) - waits_for if waits_for is not None else None
    stage: Any = dag.get_task("stage")
    ti = SimpleNamespace(dag_id="push", get_ti_count=count, get_first_reschedule_date=lambda _: first_look)
    dag_run = SimpleNamespace(run_id="manual", run_type="manual", conf=params)
    with pytest.raises(AttributeError, match="xcom_push"):
        stage.execute({"ti": ti, "dag_run": dag_run, "dag": dag, "params": params})
    return asked


@pytest.mark.parametrize("waits_for", [None, LONGEST_WAIT - timedelta(minutes=1)])
def test_while_groups_wait_for_a_slot_nothing_is_read(waits_for: timedelta | None) -> None:
    """What it found could not be sent before these, and who comes after it would wait for this run's turns as well."""
    began = datetime.now(UTC)
    with pytest.raises(AirflowRescheduleException) as raised:
        _stage(SLOTS_ARE_FEW_FROM, waits_for)
    assert raised.value.reschedule_date > began


def test_it_reads_while_a_few_groups_are_on_their_way_to_a_slot_and_never_waits_for_ever() -> None:
    expected = [{"dag_id": "push", "task_ids": ["deliver"], "states": ["queued"]}]
    assert _stage(SLOTS_ARE_FEW_FROM - 1) == expected
    assert _stage(64, LONGEST_WAIT) == expected


def test_a_dry_run_waits_for_no_group_since_it_sends_nothing() -> None:
    assert _stage(64, dry_run=True) == []


def test_of_two_runs_that_waited_for_a_slot_the_second_reads_once_the_groups_of_the_first_have_begun(
    tmp_path: Path,
) -> None:
    """Else both read at the same moment, and who comes after that waits for the turns of both."""
    ledger = Ledger(create_engine(f"sqlite:///{tmp_path / 'ledger.db'}", **ENGINE_OPTIONS))
    ledger.ensure()
    stage: Any = _dag().get_task("stage")
    waited = {"ti": SimpleNamespace(get_first_reschedule_date=lambda _: datetime.now(UTC) - 2 * LOOKS_AGAIN_IN)}
    came_now = {"ti": SimpleNamespace(get_first_reschedule_date=lambda _: None)}
    first, second = (_run(name) for name in ("first", "second"))
    stage._let_another_run_read(ledger, first, waited)
    stage._begin(ledger, first)
    with pytest.raises(AirflowRescheduleException):
        stage._let_another_run_read(ledger, second, waited)
    stage._let_another_run_read(ledger, first, waited)
    stage._let_another_run_read(ledger, second, came_now)
    ledger.close()


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 127, 1000])
def test_groups_keep_the_order_so_that_short_lanes_start_first(count: int) -> None:
    names = [f"ats:{number}" for number in range(count)]
    groups = grouped(names)
    assert [name for group in groups for name in group] == names
    assert len(groups) == min(count, GROUPS_AT_MOST)
    assert all(groups)
    assert max(map(len, groups), default=0) - min(map(len, groups), default=0) <= 1
