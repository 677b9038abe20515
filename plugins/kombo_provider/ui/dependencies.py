"""What FastAPI puts together for each request: the desk and the pipeline that is meant."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, Request

from kombo_provider.deployment import Pipeline
from kombo_provider.ui.desk import Desk
from kombo_provider.ui.texts import Storable


def desk_of(request: Request) -> Desk:
    """Return the application's desk."""
    desk: Desk = request.app.state.desk
    return desk


DeskDep = Annotated[Desk, Depends(desk_of)]


def pipeline_of(desk: DeskDep, user: GetUserDep, dag_id: Storable, source: Storable) -> Pipeline:
    """Return the pipeline that a request names; raises 403 or 404."""
    return desk.pipeline(user, dag_id, source)


PipelineDep = Annotated[Pipeline, Depends(pipeline_of)]
