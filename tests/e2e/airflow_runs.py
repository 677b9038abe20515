"""Runs of DAGs by a real Airflow, in this process: manual, scheduled, backfilled, or the same one again."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).parents[2]
Interval = tuple[datetime, datetime]


class Run:
    """A finished run; `errors` holds what its tasks raised, by task id (`deliver[0]` for a mapped one)."""

    def __init__(self, dag_run: Any, errors: dict[str, BaseException]) -> None:
        self.dag_run = dag_run
        self.dag_id = dag_run.dag_id
        self.run_id = dag_run.run_id
        self.state = str(dag_run.state)
        self.errors = errors

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        with create_session() as session:
            query = XComModel.get_many(
                run_id=self.run_id, key=key, task_ids=task_id, dag_ids=self.dag_id, map_indexes=map_index
            )
            row = session.scalars(query).first()
            return XComModel.deserialize_value(row) if row is not None else None

    @property
    def task_states(self) -> dict[str, str]:
        """The last state of each task; of a mapped one, that of any of its tasks."""
        return {ti.task_id: str(ti.state) for ti in self.dag_run.get_task_instances()}

    @property
    def counts(self) -> dict[str, int]:
        """What staging counted, zeros left out."""
        return {name: count for name, count in (self.xcom("stage", "counts") or {}).items() if count}

    def names_of_mapped(self, task_id: str) -> list[str | None]:
        """What Airflow's UI calls the mapped tasks."""
        found = [ti for ti in self.dag_run.get_task_instances() if ti.task_id == task_id]
        return [ti.rendered_map_index for ti in sorted(found, key=lambda ti: ti.map_index)]

    def message(self, task_id: str) -> str:
        """What the task's error says."""
        return str(self.errors[task_id])


def run_dag(dag_id: str = "kombo_push_applicants", **params: Any) -> Run:
    """Run a DAG as a person triggers it."""
    return _test(dag_id, params)


def run_scheduled(interval: Interval, dag_id: str = "kombo_push_applicants", **params: Any) -> Run:
    """Run a DAG as the scheduler does for an interval."""
    return _test(dag_id, params, lambda given: _create("scheduled", interval, given))


def run_backfill(interval: Interval, dag_id: str = "kombo_push_applicants", **params: Any) -> Run:
    """Run a DAG as `airflow backfill create` does for an interval."""
    return _test(dag_id, params, lambda given: _create("backfill", interval, given))


def run_again(dag_id: str, run_id: str) -> Run:
    """Repeat those tasks of a run that did not succeed, as a retry or clearing them does."""
    return _test(dag_id, {}, lambda given: _cleared(run_id, given))


def _test(dag_id: str, params: dict[str, Any], create: Callable[[dict[str, Any]], Any] | None = None) -> Run:
    dag = find_dag(dag_id)
    for task in dag.tasks:
        task.retries = 0
    with _only_its_bundle_synced(dag_id), _short_naps(), _run_made_by(create), _errors_of_tasks() as errors:
        return Run(dag.test(run_conf=params), errors)


def find_dag(dag_id: str) -> Any:
    """Read a DAG of dags/ or tests/dags, or the one that a test made; anew, for dag.test() leaves its params in it."""
    return _bag(_file_of(dag_id))[dag_id]


def _file_of(dag_id: str) -> Path:
    files = [folder / f"{dag_id}.py" for folder in _bundles().values()]
    return next(file for file in files if file.exists())


def _bundles() -> dict[str, Path]:
    config = json.loads(os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    return {bundle["name"]: Path(bundle["kwargs"]["path"]) for bundle in config}


def _bag(file: Path) -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(file), collect_dags=True)
    assert not bag.import_errors, bag.import_errors
    return dict(bag.dags)


_synced: set[str] = set()


@contextmanager
def _only_its_bundle_synced(dag_id: str) -> Iterator[None]:
    """Keep `dag.test()` from writing all DAGs to the database each time, which takes longer than a small run."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    folder = _file_of(dag_id).parent
    bundles = [] if dag_id in _synced else [b for b in DagBundlesManager().get_all_dag_bundles() if b.path == folder]
    with patch.object(DagBundlesManager, "get_all_dag_bundles", lambda _: bundles):
        yield
    _synced.add(dag_id)


@contextmanager
def _short_naps() -> Iterator[None]:
    """`dag.test()` sleeps a second whenever a failure leaves it nothing to run just then."""
    sleep = time.sleep

    def nap(seconds: float) -> None:
        by_dag_test = sys._getframe(1).f_code.co_filename.endswith("/definitions/dag.py")
        sleep(min(seconds, 0.02) if by_dag_test else seconds)

    with patch.object(time, "sleep", nap):
        yield


@contextmanager
def _run_made_by(create: Callable[[dict[str, Any]], Any] | None) -> Iterator[None]:
    """`dag.test()` makes manual runs only: give it another run instead."""
    if create is None:
        yield
        return
    with patch("airflow.models.dagrun.get_or_create_dagrun", lambda **given: create(given)):
        yield


def _create(run_type: str, interval: Interval, given: dict[str, Any]) -> Any:
    from airflow.models.dagrun import DagRun
    from airflow.utils.types import DagRunTriggeredByType, DagRunType
    from sqlalchemy import select

    dag, session = given["dag"], given["session"]
    former = select(DagRun).where(DagRun.dag_id == dag.dag_id, DagRun.logical_date == interval[0])
    for dag_run in session.scalars(former):
        session.delete(dag_run)
    session.commit()
    return dag.create_dagrun(
        run_id=f"{run_type}__{interval[0].isoformat()}",
        run_type=DagRunType(run_type),
        logical_date=interval[0],
        data_interval=interval,
        run_after=interval[1],
        start_date=interval[1],
        conf=given["conf"],
        state="running",
        triggered_by=DagRunTriggeredByType.TIMETABLE,
        session=session,
    )


def _cleared(run_id: str, given: dict[str, Any]) -> Any:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    dag, session = given["dag"], given["session"]
    dag_run = session.scalars(select(DagRun).where(DagRun.dag_id == dag.dag_id, DagRun.run_id == run_id)).one()
    dag_run.dag = dag
    for ti in dag_run.get_task_instances(session=session):
        if ti.state != "success":
            ti.state = None
    dag_run.state = "running"
    session.commit()
    return dag_run


@contextmanager
def _errors_of_tasks() -> Iterator[dict[str, BaseException]]:
    from airflow.sdk.execution_time import supervisor

    errors: dict[str, BaseException] = {}
    run_task = supervisor.run_task_in_process

    def recording(ti: Any, task: Any, **more: Any) -> Any:
        result = run_task(ti=ti, task=task, **more)
        name = ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"
        errors.pop(name, None)
        if result.error is not None:
            errors[name] = result.error
        return result

    with patch.object(supervisor, "run_task_in_process", recording):
        yield errors
