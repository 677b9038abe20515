"""What the page asks. Everything here is behind Airflow's login; each route checks the right on its DAG."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, HTTPException
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from kombo_provider.deployment import Pipeline
from kombo_provider.errors import KomboError
from kombo_provider.ledger import DeliveryKey, lane_view, now, overview, past_days
from kombo_provider.operators.descriptions import WHAT_TO_DO
from kombo_provider.ui import airflow_side
from kombo_provider.ui.access import may_look, may_trigger
from kombo_provider.ui.actions import router as actions
from kombo_provider.ui.dependencies import DeskDep, PipelineDep
from kombo_provider.ui.shown import all_shown, shown
from kombo_provider.ui.texts import HttpStatus, Named, Storable

LANES_AT_ONCE = 100  # more than a screen shows; the days of each lane are a query's rows of their own


router = APIRouter()
router.include_router(actions)


class Lanes(BaseModel):
    """Some lanes of a source."""

    integration_ids: list[Storable] = Field(max_length=LANES_AT_ONCE)


class RowsAsked(BaseModel):
    """Which rows of a lane; `after` is the last applicant id that was shown."""

    integration_id: Storable
    what: lane_view.RowsOf
    code: Storable | None = None
    http_status: HttpStatus | None = None
    after: Storable | None = None


class RowAsked(BaseModel):
    """One applicant's row, on one integration or wherever it is; in a body, for URLs are kept in logs."""

    applicant_id: Named
    integration_id: Storable | None = None


@router.get("/pipelines")
def pipelines(desk: DeskDep, user: GetUserDep) -> list[dict[str, Any]]:
    """Every source of which the user may see a DAG."""
    found = []
    for one, dag_ids in desk.fleets(user):
        whose = {"dag_id": one.dag_id, "source": one.source, "kombo_conn_id": one.kombo_conn_id}
        found.append({**whose, "dag_ids": dag_ids})
    return found


@router.get("/unread")
def unread(desk: DeskDep, user: GetUserDep) -> list[str]:
    """The DAGs that the API server cannot read, as far as the user may see them: what they send is not shown."""
    return [dag_id for dag_id in desk.known.unread() if may_look(user, dag_id)]


@router.get("/dags/{dag_id}/fleet")
async def fleet(desk: DeskDep, pipeline: PipelineDep) -> dict[str, Any]:
    """A source's lanes; without its ledger, what the last report left in XCom."""
    # Whatever asks a database does so in a thread: one query here would hold up everybody's pages.
    airflow = await run_in_threadpool(airflow_side.dag_state, pipeline.dag_id)
    watches = [watch.dag_id for watch in await run_in_threadpool(desk.known.watches_of, pipeline)]
    airflow |= {"watch": await run_in_threadpool(airflow_side.watch_state, watches)}

    def look(conn: Connection) -> dict[str, Any]:
        return {
            "lanes": all_shown(overview.lane_numbers(conn, pipeline.source, pipeline.kombo_conn_id)),
            "stops": all_shown(overview.stops(conn, pipeline.kombo_conn_id)),
        }

    try:
        return {"airflow": airflow} | await desk.read(pipeline, look)
    except KomboError as exc:
        report = await run_in_threadpool(airflow_side.last_report, pipeline.dag_id)
        return {"airflow": airflow, "problem": str(exc), "report": report}


@router.get("/dags/{dag_id}/days")
async def days(desk: DeskDep, pipeline: PipelineDep) -> dict[str, Any]:
    """What the runs of the last 30 days left behind; the page asks again while it is not complete."""
    found, complete = await desk.read(pipeline, lambda conn: desk.days(conn, pipeline))
    return {"days": all_shown(found), "complete": complete}


@router.post("/dags/{dag_id}/days")
async def days_of_lanes(desk: DeskDep, pipeline: PipelineDep, asked: Lanes) -> list[dict[str, Any]]:
    """The last 30 days of the lanes that the page shows just now."""
    return await desk.read(pipeline, lambda conn: _days_of(conn, pipeline.source, asked.integration_ids))


def _days_of(conn: Connection, source: str, integration_ids: list[str]) -> list[dict[str, Any]]:
    since = past_days.first_day_shown(now(conn))
    return all_shown(past_days.days_of_lanes(conn, source, integration_ids, since))


@router.get("/dags/{dag_id}/lane")
async def lane(desk: DeskDep, pipeline: PipelineDep, user: GetUserDep, integration_id: Storable) -> dict[str, Any]:
    """One lane: its numbers, runs, refusals, what persons did; and what this user may do."""
    source, conn_id = pipeline.source, pipeline.kombo_conn_id

    def look(conn: Connection) -> tuple[dict[str, Any], set[str]]:
        found = overview.lane_numbers(conn, source, conn_id, integration_id)
        if not found:
            raise HTTPException(404, "The ledger holds no row of this source on this integration.")
        numbers = {
            "lane": shown(found[0]),
            "stops": all_shown(overview.stops(conn, conn_id)),
            "days": _days_of(conn, source, [integration_id]),
            "runs": all_shown(lane_view.recent_runs(conn, source, integration_id)),
            "codes": all_shown(lane_view.codes(conn, source, integration_id)),
            "actions": all_shown(lane_view.actions(conn, conn_id, integration_id)),
        }
        return numbers, desk.users_of_lane(conn, pipeline, integration_id)

    numbers, users = await desk.read(pipeline, look)
    airflow = await run_in_threadpool(airflow_side.dag_state, pipeline.dag_id)
    may_replay = pipeline.pushes and await run_in_threadpool(may_trigger, user, [pipeline.dag_id])
    may_act = await run_in_threadpool(may_trigger, user, sorted(users))
    return numbers | {"airflow": airflow, "may_act": may_act, "may_replay": may_replay}


@router.post("/dags/{dag_id}/rows")
async def rows(desk: DeskDep, pipeline: PipelineDep, asked: RowsAsked) -> dict[str, Any]:
    """The first rows of a lane that stand so; keys and reasons, no applicant."""
    key = pipeline.source, pipeline.kombo_conn_id, asked.integration_id

    def look(conn: Connection) -> list[dict[str, Any]]:
        return lane_view.rows(conn, key, asked.what, code=asked.code, http_status=asked.http_status, after=asked.after)

    found = await desk.read(pipeline, look)
    after = None
    if len(found) == lane_view.ROWS_SHOWN:  # there may be more: the page asks from the last one on
        after = found[-1]["applicant_id"]
    return {"rows": all_shown(found), "after": after}


@router.post("/dags/{dag_id}/row")
async def row(desk: DeskDep, pipeline: PipelineDep, asked: RowAsked) -> list[dict[str, Any]]:
    """What the ledger knows of an applicant id: each row of it with its history and what to do."""

    def look(conn: Connection) -> list[dict[str, Any]]:
        found = lane_view.find(conn, pipeline.source, asked.applicant_id, asked.integration_id)
        return [_row(conn, pipeline, one) for one in found]

    return await desk.read(pipeline, look)


def _row(conn: Connection, pipeline: Pipeline, found: dict[str, Any]) -> dict[str, Any]:
    # An applicant id is one row on each integration, so no lane is asked for twice.
    lanes = overview.lane_numbers(conn, pipeline.source, pipeline.kombo_conn_id, found["integration_id"])
    return shown(found) | {
        "what_to_do": WHAT_TO_DO.get(found["status"]),
        "history": all_shown(lane_view.history(conn, _key(found))),
        "lane": shown(lanes[0]),
    }


def _key(row: dict[str, Any]) -> DeliveryKey:
    return DeliveryKey(row["source"], row["integration_id"], row["applicant_id"])
