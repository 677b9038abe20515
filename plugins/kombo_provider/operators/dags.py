"""DAGs as the factories make them: tagged, few runs at a time, with intervals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DeltaDataIntervalTimetable,
)

TAG = "kombo"
"""Carried by every DAG of the factories: it is how they are found."""

_NOT_CRON = ("@once", "@continuous", "@asset")


def make_dag(dag_id: str, schedule: Any, defined_in: str, arguments: dict[str, Any]) -> DAG:
    arguments.setdefault("max_active_runs", 1)
    arguments["tags"] = sorted({TAG, *(arguments.get("tags") or ())})
    dag = DAG(dag_id=dag_id, schedule=schedule, **arguments)
    dag.fileloc = defined_in
    return dag


def with_intervals(schedule: Any) -> Any:
    """Give cron strings and timedeltas the interval that a plain schedule of Airflow 3 lacks."""
    if isinstance(schedule, str) and schedule not in _NOT_CRON:
        return CronDataIntervalTimetable(schedule, timezone="UTC")
    if isinstance(schedule, timedelta):
        return DeltaDataIntervalTimetable(schedule)
    return schedule


def also_on(asset: str, schedule: Any) -> Any:
    """Run on a cron schedule, and whenever the asset is updated."""
    if isinstance(schedule, str) and schedule not in _NOT_CRON:
        timetable = CronTriggerTimetable(schedule, timezone="UTC")
        return AssetOrTimeSchedule(timetable=timetable, assets=Asset.ref(name=asset))
    return schedule
