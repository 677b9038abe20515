"""`POST /ats/import-tracked-application`: an application of the ATS, made before Kombo, onto Kombo's tracking list."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from kombo_sandbox.errors import input_invalid

if TYPE_CHECKING:
    from kombo_sandbox.records import Application
    from kombo_sandbox.store import Store

# By ATS: each kind of id with the fields that it needs.
_APPLICATION_ID: dict[str, tuple[str, ...]] = {"application_id": ("application_id",)}
_KINDS: dict[str, dict[str, tuple[str, ...]]] = {
    "erecruiter": {
        "application_and_job_remote_ids": ("application_remote_id", "job_remote_id"),
        "application_and_candidate_remote_ids": ("application_remote_id", "candidate_remote_id"),
    },
    "successfactors": {"application_remote_id": ("application_remote_id",)},
    "recruitee": {"placement_id": ("placement_id",)},
    "greenhouse": _APPLICATION_ID,
    "greenhousev3": _APPLICATION_ID,
    "onlyfy": _APPLICATION_ID,
    "smartrecruiters": {"candidate_and_job_remote_ids": ("candidate_remote_id", "job_remote_id")},
}


def import_tracked(store: Store, integration_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer, or ApiError for an ATS, a kind of id or an application that there is not."""
    if "tracked_at" not in body:
        raise input_invalid("tracked_at", "is required")
    tool = integration_id.partition(":")[0]
    named = body.get(tool)
    if tool not in _KINDS or not isinstance(named, dict):
        raise input_invalid(tool, "no application of this ATS can be imported so")
    kind = named.get("id_type")
    fields = None
    if isinstance(kind, str):
        fields = _KINDS[tool].get(kind)
    if fields is None or not all(isinstance(named.get(field), str) for field in fields):
        raise input_invalid(f"{tool}.id_type", f"must be one of {', '.join(_KINDS[tool])}, with its ids")
    found = [made for made in store.ats(integration_id).applications if _is(made, named, fields)]
    if not found:
        raise input_invalid(tool, "the ATS has no such application")
    store.track(integration_id, found[0].id)
    data = {"id": os.urandom(12).hex(), "tracked_at": body["tracked_at"], "imported_id": {tool: named}}
    return {"status": "success", "data": data, "warnings": []}


def _is(made: Application, named: dict[str, Any], fields: tuple[str, ...]) -> bool:
    ids = {"candidate_remote_id": made.candidate.remote_id, "job_remote_id": made.job.remote_id}
    # Whatever else an ATS calls it (`placement_id`, `application_id`) is the application's own id.
    return all(ids.get(field, made.remote_id) == named[field] for field in fields)
