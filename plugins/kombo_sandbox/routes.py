"""Which endpoint a request asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from kombo_sandbox.exchange import Request

Endpoint = Literal[
    "check_api_key",
    "integration",
    "create_application",
    "create_candidate",
    "applications",
    "candidates",
    "jobs",
    "stages",
    "restrictions",
    "force_sync",
    "import_tracked",
]


class Route(NamedTuple):
    """`name` is how stats call it; actions count for the concurrency cap."""

    endpoint: Endpoint
    name: str
    is_create: bool = False


_FIXED: dict[tuple[str, tuple[str, ...]], Route] = {
    ("GET", ("check-api-key",)): Route("check_api_key", "GET /check-api-key"),
    ("POST", ("ats", "candidates")): Route("create_candidate", "POST /ats/candidates", is_create=True),
    ("GET", ("ats", "applications")): Route("applications", "GET /ats/applications"),
    ("GET", ("ats", "candidates")): Route("candidates", "GET /ats/candidates"),
    ("GET", ("ats", "jobs")): Route("jobs", "GET /ats/jobs"),
    ("GET", ("ats", "application-stages")): Route("stages", "GET /ats/application-stages"),
    ("GET", ("ats", "actions", "ats_create_application")): Route(
        "restrictions", "GET /ats/actions/ats_create_application"
    ),
    ("POST", ("ats", "import-tracked-application")): Route("import_tracked", "POST /ats/import-tracked-application"),
    ("POST", ("force-sync",)): Route("force_sync", "POST /force-sync"),
}
_CREATE_APPLICATION = Route("create_application", "POST /ats/jobs/{job_id}/applications", is_create=True)
_INTEGRATION = Route("integration", "GET /integrations/{integration_id}")


def find_route(request: Request) -> Route | None:
    """The endpoint, or None for a path or method that the sandbox does not serve."""
    path = request.segments[1:] if request.segments[0] == "v1" else ()
    match path:
        case ("ats", "jobs", _, "applications") if request.method == "POST":
            return _CREATE_APPLICATION
        case ("integrations", _) if request.method == "GET":
            return _INTEGRATION
        case _:
            return _FIXED.get((request.method, path))
