"""What a person does to a lane from the page: each leaves an event in the ledger and a line in Airflow's audit log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, HTTPException
from fastapi.concurrency import run_in_threadpool
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import Connection

from kombo_provider.deployment import Pipeline
from kombo_provider.ledger import Actor, By, lane_actions
from kombo_provider.ui import airflow_side
from kombo_provider.ui.access import may_trigger
from kombo_provider.ui.dependencies import DeskDep, PipelineDep
from kombo_provider.ui.desk import Desk
from kombo_provider.ui.texts import Named, Reason

router = APIRouter()


class Ordered(BaseModel):
    """What is done to a lane and why; a snooze has an end, a replay a code."""

    integration_id: Named
    reason: Reason | None = None


class Snoozed(Ordered):
    until: AwareDatetime
    reason: Annotated[Reason, Field(min_length=1)]


class Replayed(Ordered):
    code: Annotated[Named, Field(max_length=200)]


@router.post("/dags/{dag_id}/lane/{action}")
async def open_or_stop(
    desk: DeskDep,
    user: GetUserDep,
    pipeline: PipelineDep,
    ordered: Ordered,
    action: Literal["open", "stop"],
) -> dict[str, Any]:
    """Open a lane, or stop it until a person opens it."""
    change = {"open": lane_actions.open_lane, "stop": lane_actions.stop_lane}[action]

    def act(conn: Connection, by: By) -> None:
        change(conn, pipeline.kombo_conn_id, ordered.integration_id, by, ordered.reason)

    await _act(desk, user, pipeline, ordered, action, act)
    return {"done": action}


@router.post("/dags/{dag_id}/snooze")
async def snooze(desk: DeskDep, user: GetUserDep, pipeline: PipelineDep, ordered: Snoozed) -> dict[str, Any]:
    """Have runs pass over a lane that stands still, for its present code, until a time."""

    def act(conn: Connection, by: By) -> None:
        conn_id, lane = pipeline.kombo_conn_id, ordered.integration_id
        try:
            done = lane_actions.snooze_lane(conn, conn_id, lane, by, until=ordered.until, reason=ordered.reason)
        except ValueError as exc:
            raise HTTPException(422, f"{exc}".capitalize() + ".") from None
        if not done:
            raise HTTPException(409, "The lane is neither blocked nor paused: there is nothing to snooze.")

    await _act(desk, user, pipeline, ordered, "snooze", act, until=ordered.until)
    return {"done": "snooze"}


@router.post("/dags/{dag_id}/replay")
async def replay_code(desk: DeskDep, user: GetUserDep, pipeline: PipelineDep, ordered: Replayed) -> dict[str, Any]:
    """Start a run that tries the lane's rows refused with a code again."""
    if not pipeline.pushes:
        raise HTTPException(409, "This DAG has no param replay.")
    if not await run_in_threadpool(may_trigger, user, [pipeline.dag_id]):
        raise HTTPException(403, "You may not trigger this DAG.")
    # Noted in the audit log and in the ledger before the run: none can have begun without a name beside it.
    said = {"integration_id": ordered.integration_id, "code": ordered.code, "reason": ordered.reason}
    await run_in_threadpool(airflow_side.audit, user, pipeline.dag_id, "kombo_lane_replay", **said)
    by = By(Actor.PERSON, name=user.get_name())

    def act(conn: Connection) -> None:
        lane_actions.note_replay(conn, pipeline.kombo_conn_id, ordered.integration_id, by, code=ordered.code)

    await desk.change(pipeline, act)
    run_id = await run_in_threadpool(airflow_side.replay, user, pipeline.dag_id, ordered.code, ordered.integration_id)
    return {"done": "replay", "run_id": run_id}


async def _act(
    desk: Desk,
    user: Any,
    pipeline: Pipeline,
    ordered: Ordered,
    action: str,
    act: Callable[[Connection, By], None],
    until: datetime | None = None,
) -> None:
    """Check the right on every DAG of the lane, write the audit line, then do it."""
    lane = ordered.integration_id
    users = await desk.read(pipeline, lambda conn: desk.users_of_lane(conn, pipeline, lane))
    await run_in_threadpool(desk.refuse_unless_may_act, user, users)
    said = {"integration_id": lane, "reason": ordered.reason}
    if until is not None:
        said["until"] = until.isoformat()
    # Before the change, so that an audit log that cannot be written keeps the change from happening unseen.
    await run_in_threadpool(airflow_side.audit, user, pipeline.dag_id, f"kombo_lane_{action}", **said)
    by = By(Actor.PERSON, name=user.get_name())
    await desk.change(pipeline, lambda conn: act(conn, by))
