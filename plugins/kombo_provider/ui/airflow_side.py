"""What Airflow's own database knows of a pipeline: its last runs and reports; and what persons do, written there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.models.xcom import XComModel
from airflow.sdk.exceptions import AirflowException
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType
from fastapi import HTTPException
from sqlalchemy import func, select
from sqlalchemy.orm import Session

_REPORTED = ("by_status", "by_integration")


def dag_state(dag_id: str) -> dict[str, Any]:
    """Return whether the DAG is paused, whether a run is on, and its last run."""
    with create_session() as session:
        paused = session.scalar(select(DagModel.is_paused).where(DagModel.dag_id == dag_id))
        query = select(DagRun.run_id, DagRun.state, DagRun.start_date, DagRun.end_date).where(DagRun.dag_id == dag_id)
        last = session.execute(query.order_by(DagRun.run_after.desc()).limit(1)).first()
        on = session.scalar(query.where(DagRun.state.in_(["queued", "running"])).limit(1)) is not None
    last_run = None
    if last is not None:
        last_run = {
            "run_id": last.run_id,
            "state": str(last.state),
            "began_at": _text(last.start_date),
            "ended_at": _text(last.end_date),
        }
    return {"paused": bool(paused), "running": on, "last_run": last_run}


def _text(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.isoformat()


def watch_state(dag_ids: Sequence[str]) -> dict[str, Any]:
    """Return how the best of some watches does: `on`, `late`, `paused` or `missing`, and since when it is late.

    It is late half an hour after it should have looked; one that fails has not looked.
    """
    with create_session() as session:
        states = [_watch_state(session, dag_id) for dag_id in dag_ids]
    return min(states, key=lambda one: _WATCH_STATES.index(one["state"]), default={"state": "missing", "since": None})


_WATCH_STATES = ("on", "late", "paused")  # the best first
_LATE_AFTER = timedelta(minutes=30)


def _watch_state(session: Session, dag_id: str) -> dict[str, Any]:
    model = session.get(DagModel, dag_id)
    if model is None or model.is_paused:
        return {"state": "paused", "since": None}
    runs = select(func.max(DagRun.run_after), func.min(DagRun.run_after)).where(DagRun.dag_id == dag_id)
    newest, first = session.execute(runs).one()
    looked = session.scalar(select(func.max(DagRun.end_date)).where(DagRun.dag_id == dag_id, DagRun.state == "success"))
    due = model.next_dagrun_create_after
    # The period is read off the runs, since a schedule may be a dataset's or a timetable of the user's own.
    period = timedelta()
    if due and newest:
        period = max(due - newest, timedelta())
    # A watch that has never looked is late from its first run on; one without a run, from when that was due.
    since = looked or first or due
    if since is not None and datetime.now(UTC) - since > period + _LATE_AFTER:
        return {"state": "late", "since": since.isoformat()}
    return {"state": "on", "since": None}


def last_report(dag_id: str) -> dict[str, Any] | None:
    """Return the numbers that the DAG's last report left in Airflow, for when the ledger is not reached."""
    query = (
        select(XComModel)
        .join(DagRun, XComModel.dag_run_id == DagRun.id)
        .where(XComModel.dag_id == dag_id, XComModel.key == "report")
        .order_by(DagRun.run_after.desc())
        .limit(1)
    )
    with create_session() as session:
        found = session.scalar(query)
        if found is None:
            return None
        report = XComModel.deserialize_value(found)
        if not isinstance(report, Mapping):
            return None
        return {name: report.get(name) for name in _REPORTED} | {"run_id": found.run_id}


def audit(user: Any, dag_id: str, event: str, **said: Any) -> None:
    """Write a line of Airflow's audit log: who did what to which lane."""
    extra = {name: value for name, value in said.items() if value is not None}
    name = user.get_name()
    line = Log(event=event, dag_id=dag_id, owner=name, owner_display_name=name, extra=json.dumps(extra))
    with create_session() as session:
        session.add(line)


def replay(user: Any, dag_id: str, code: str, integration_id: str) -> str:
    """Start a run of the DAG that tries the integration's rows refused with a code again; return its id.

    Raises 409 where Airflow refuses it: the DAG takes no manual runs, say.
    """
    conf = {"replay": [code], "integration_ids": [integration_id]}
    by = {"triggered_by": DagRunTriggeredByType.UI, "triggering_user_name": user.get_name()}
    try:
        run = trigger_dag(dag_id, conf=conf, **by)
    except (AirflowException, ValueError) as exc:
        raise HTTPException(409, f"Airflow started no run: {exc}") from None
    if run is None:
        return ""
    return str(run.run_id)
