"""`/_sandbox/...`: how tests steer the server and look at it. No key needed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kombo_sandbox.errors import ApiError
from kombo_sandbox.reading import OUTCOMES

if TYPE_CHECKING:
    from kombo_sandbox.app import App
    from kombo_sandbox.exchange import Request

_CHANGEABLE = {
    "application": frozenset({"outcome", "rejection_reason_name", "stage_id", "deleted"}),
    "candidate": frozenset({"deleted"}),
    "job": frozenset({"deleted"}),
}


class Control:
    """Config, faults, stats, change, reset, log, health."""

    def __init__(self, app: App) -> None:
        self._app = app

    def answer(self, request: Request) -> Any:
        """The JSON answer, or ApiError."""
        what = request.segments[1] if len(request.segments) > 1 else ""
        asked = (request.method, what)
        if what == "log" and len(request.segments) == 3:
            return self._log(request.segments[2])
        if asked == ("GET", "stats"):
            return self._app.stats.as_json(summary=request.query.get("summary") == "1")
        if asked == ("GET", "health"):
            return {"status": "ok"}
        if what == "config" and request.method in ("GET", "POST"):
            return self._config(request)
        if what == "faults" and request.method in ("GET", "POST", "DELETE"):
            return self._faults(request)
        if asked == ("POST", "change"):
            return self._change(request.json_object())
        if asked == ("POST", "reset"):
            self._app.reset()
            return {"status": "ok"}
        raise ApiError(None, f"{request.method} {request.target} is not part of the sandbox", status=404)

    def _config(self, request: Request) -> dict[str, Any]:
        if request.method == "POST":
            self._app.configure(_json(request))
        return self._app.settings.as_json()

    def _faults(self, request: Request) -> list[dict[str, Any]]:
        faults = self._app.faults
        if request.method == "POST":
            faults.add(_json(request))
        elif request.method == "DELETE":
            faults.clear()
        return faults.as_json()

    def _log(self, log_id: str) -> dict[str, Any]:
        entry = self._app.stats.log.get(log_id)
        if entry is None:
            raise ApiError(None, f"there is no log entry {log_id} (any more)", status=404)
        return entry

    def _change(self, body: dict[str, Any]) -> dict[str, Any]:
        """`{"integration_id", "application_id" | "candidate_id" | "job_id", ...what changes in the ATS}`"""
        fields = dict(body)
        integration_id = fields.pop("integration_id", "")
        models = [model for model in _CHANGEABLE if f"{model}_id" in fields]
        if len(models) != 1:
            raise ApiError(None, "one of application_id, candidate_id and job_id is needed", status=400)
        model = models[0]
        record_id = fields.pop(f"{model}_id")
        if unknown := fields.keys() - _CHANGEABLE[model]:
            raise ApiError(None, f"{', '.join(sorted(unknown))}: not changeable for {model}", status=400)
        if fields.get("outcome", "PENDING") not in OUTCOMES:
            raise ApiError(None, f"outcome must be one of {', '.join(OUTCOMES)}", status=400)
        try:
            self._app.store.change(integration_id, model, record_id, fields)
        except KeyError as exc:
            raise ApiError(None, f"{integration_id} has no {model} {record_id}", status=404) from exc
        return {"status": "ok"}


def _json(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError) as exc:
        raise ApiError(None, "the body is not valid JSON", status=400) from exc
