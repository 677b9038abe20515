"""`/_sandbox/config`, `/change`, `/stats` and `/reset`."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kombo_sandbox import settings
from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import INTEGRATION, Api, application
from tests.waiting import PATIENCE_SECONDS


def test_an_update_is_partial(sandbox: Sandbox) -> None:
    sandbox.config(latency_seconds=[0, 0.01], per_integration={INTEGRATION: {"visibility": "never"}})
    shown = sandbox.config(per_integration={INTEGRATION: {"concurrency_limit": 2}, "lever:1": {"status": "INVALID"}})
    assert shown["latency_seconds"] == [0, 0.01]
    assert shown["per_integration"][INTEGRATION] == {"visibility": "never", "concurrency_limit": 2}
    assert INTEGRATION not in sandbox.config(per_integration={INTEGRATION: None})["per_integration"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"latncy": 1}, "latncy"),
        ({"latency_seconds": -1}, "latency_seconds"),
        ({"latency_seconds": [2, 1]}, "latency_seconds"),
        ({"visibility": "soon"}, "visibility"),
        ({"rate_limit": {"limit": 3}}, "rate_limit"),
        ({"per_integration": {"x:1": {"keys": {}}}}, "per_integration.x:1.keys"),
        ({"jobs": {"1": {"status": "SHUT"}}}, "jobs.1.status"),
        ({"jobs": {"1": {"screening_questions": [{"format": {"type": "SINGLE_SELECT"}}]}}}, "options"),
        ({"attachment_restrictions": {"types": {}}}, "attachment_restrictions"),
    ],
)
def test_a_wrong_setting_is_refused_and_named_and_nothing_changes(
    sandbox: Sandbox, change: dict[str, Any], named: str
) -> None:
    before = sandbox.config()
    with pytest.raises(ValueError, match=re.escape(named)):
        sandbox.config(**{"seed": 9, **change})
    assert sandbox.config() == before


def test_the_documented_settings_are_the_settings() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", settings.__doc__ or "", re.MULTILINE))
    assert documented == settings.GLOBAL.keys() | settings.SCOPED.keys()


def test_latency_makes_creates_slow_and_reads_not(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(latency_seconds=2 * PATIENCE_SECONDS)
    assert api.get("/ats/jobs").status_code == 200
    sandbox.config(latency_seconds=[0.2, 0.25])
    assert api.create().elapsed.total_seconds() >= 0.2


def test_stats_count_requests_by_route_status_and_code(api: Api, sandbox: Sandbox) -> None:
    api.create()
    api.create({})
    api.get("/ats/jobs")
    stats = sandbox.stats()
    assert stats["requests_total"] == 3
    assert stats["by_route"] == {"POST /ats/jobs/{job_id}/applications": 2, "GET /ats/jobs": 1}
    assert stats["by_status"] == {"200": 2, "400": 1}
    assert stats["by_code"] == {"PLATFORM.INPUT_INVALID": 1}
    assert stats["creates"] == [
        {"integration_id": INTEGRATION, "job_id": "job-1", "email": "ada@example.org", "count": 1}
    ]
    assert "creates" not in sandbox.stats(summary=True)


def test_reset_forgets_everything(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(visibility="never")
    sandbox.faults([{"kind": "late", "seconds": 0}])
    api.create()
    sandbox.reset()
    assert sandbox.creates() == {}
    assert sandbox.faults() == []
    assert sandbox.config()["visibility"] == "at_once"
    assert sandbox.stats()["requests_total"] == 0
    assert api.create().json()["data"]["remote_id"] == "1"


def test_a_change_in_the_ats_shows_in_get(api: Api, sandbox: Sandbox) -> None:
    made = api.create(application()).json()["data"]
    offer = api.results("/ats/application-stages")[2]
    sandbox.change(INTEGRATION, application_id=made["id"], outcome="HIRED", stage_id=offer["id"])
    (record,) = api.results("/ats/applications")
    assert (record["outcome"], record["current_stage"]["name"]) == ("HIRED", "Offer")
    sandbox.change(INTEGRATION, candidate_id=made["candidate_id"], deleted=True)
    assert api.results("/ats/candidates") == []


@pytest.mark.parametrize(
    "change", [{"application_id": "x", "outcome": "HIRED"}, {"outcome": "HIRED"}, {"application_id": "x", "name": "y"}]
)
def test_a_wrong_change_is_refused(sandbox: Sandbox, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        sandbox.change(INTEGRATION, **change)


def test_settings_given_at_start_survive_a_reset() -> None:
    with Sandbox(visibility="never") as own:
        own.reset()
        assert own.config()["visibility"] == "never"
