"""POST /ats/import-tracked-application: what the ATS had before Kombo is shown after the next sync."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from kombo import Kombo

from kombo_sandbox.testing import API_KEY, Sandbox
from tests.sandbox.wire_client import Api, application, refusal

LANE = "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"
PATH = "/ats/import-tracked-application"


def named(**ids: str) -> dict[str, Any]:
    return {"tracked_at": None, "greenhouse": {"id_type": "application_id", **ids}}


def test_the_sdk_imports_an_application_that_was_never_tracked(sandbox: Sandbox) -> None:
    sandbox.config(visibility="never")
    with Api(sandbox.url, integration_id=LANE) as api:
        made = api.create(application()).json()["data"]
        sdk: Any = Kombo(api_key=API_KEY, integration_id=LANE, server_url=sandbox.url).ats
        ids = {"id_type": "application_id", "application_id": made["remote_id"]}
        sdk.import_tracked_application(tracked_at=datetime(2026, 1, 1, tzinfo=UTC), greenhouse=ids)
        assert api.results("/ats/applications") == []
        sandbox.sync(LANE)
        assert [record["id"] for record in api.results("/ats/applications")] == [made["id"]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tracked_at": None},
        named(),
        named(application_id="99"),
        {"tracked_at": None, "workday": {}},
        {"tracked_at": None, "greenhouse": {"id_type": {}}},
        {"tracked_at": None, "greenhouse": {"id_type": ["application_id"], "application_id": "1"}},
    ],
)
def test_what_cannot_be_imported_is_refused(sandbox: Sandbox, body: dict[str, Any]) -> None:
    with Api(sandbox.url, integration_id=LANE) as api:
        assert refusal(api.post(PATH, body))[:2] == (400, "PLATFORM.INPUT_INVALID")
