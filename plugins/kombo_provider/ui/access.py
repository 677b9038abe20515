"""Who may look at a pipeline, who may act on a lane, and which requests come from the page itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.models.dag import DagModel
from fastapi import HTTPException, Request

PAGE_HEADER = "X-Kombo-Page"
"""Sent by the page with every POST: a form of another site cannot send a header, and its script may not."""


def may_look(user: Any, dag_id: str) -> bool:
    """Tell whether the user may read the DAG's runs, whose figures the page shows."""
    return _allowed("GET", user, dag_id)


def may_trigger(user: Any, dag_ids: Iterable[str]) -> bool:
    """Tell whether the user may trigger each of the DAGs."""
    return all(_allowed("POST", user, dag_id) for dag_id in dag_ids)


def _allowed(method: Any, user: Any, dag_id: str) -> bool:
    # Without its team a multi-team Airflow would judge the DAG as nobody's.
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    manager = get_auth_manager()
    return bool(manager.is_authorized_dag(method=method, access_entity=DagAccessEntity.RUN, details=details, user=user))


def refuse_other_sites(request: Request) -> None:
    """Raise 403 or 415 for a POST that another site could have made with the user's cookie."""
    if request.method in ("GET", "HEAD"):
        return
    # A form of another site can send text and form data without asking, but no JSON.
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Only JSON is taken here.")
    # Absent in old browsers, which the header below keeps out; "none" is an address that somebody typed.
    from_elsewhere = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if from_elsewhere or PAGE_HEADER not in request.headers:
        raise HTTPException(403, f"This is for the page itself; other programs send the header {PAGE_HEADER}.")
