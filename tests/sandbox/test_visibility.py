"""When GET shows a create."""

from __future__ import annotations

import pytest
import requests
from kombo import Kombo

from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import INTEGRATION, Api, application


def seen(api: Api) -> tuple[int, int]:
    return len(api.results("/ats/applications")), len(api.results("/ats/candidates"))


def test_at_once_is_the_default(api: Api) -> None:
    api.create()
    assert seen(api) == (1, 1)


def test_after_sync_waits_for_force_sync(api: Api, sandbox: Sandbox, sdk: Kombo) -> None:
    sandbox.config(visibility="after_sync")
    made = api.create().json()["data"]
    assert seen(api) == (0, 0)
    started = sdk.general.trigger_sync(type_="DELTA")
    assert (started.data.already_queued, started.data.type) == (False, "DELTA")
    assert seen(api) == (1, 1)
    assert api.results("/ats/applications")[0]["changed_at"] >= made["changed_at"]


def test_never_stays_hidden_after_a_sync(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(visibility="never")
    api.create()
    sandbox.sync(INTEGRATION)
    assert seen(api) == (0, 0)
    assert sandbox.stats(summary=True)["creates_total"] == 1


def test_one_integration_can_differ(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(visibility="never", per_integration={INTEGRATION: {"visibility": "at_once"}})
    api.create()
    assert seen(api) == (1, 1)
    with Api(api.url, integration_id="lever:1") as elsewhere:
        elsewhere.create()
        assert seen(elsewhere) == (0, 0)


def test_creates_whose_answer_was_lost_can_differ(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(visibility_of_lost="never")
    sandbox.faults([{"kind": "write_reset", "count": 1}])
    with pytest.raises(requests.ConnectionError):
        api.create(application("lost"))
    api.create(application("kept"))
    assert [record["candidate"]["first_name"] for record in api.results("/ats/applications")] == ["Kept"]
    assert sandbox.stats(summary=True)["creates_total"] == 2


def test_a_candidate_shows_only_the_applications_that_kombo_tracks(api: Api, sandbox: Sandbox) -> None:
    api.create(job="job-1")
    sandbox.config(visibility="never")
    api.create(job="job-2")
    (person,) = api.results("/ats/candidates")
    assert [record["job"]["id"] for record in person["applications"]] == ["job-1"]
    assert api.results("/ats/candidates", job_ids="job-2") == []


def test_a_sync_of_the_same_type_is_not_started_twice(sandbox: Sandbox, sdk: Kombo) -> None:
    sandbox.config(sync_seconds=30)
    first, second = sdk.general.trigger_sync(), sdk.general.trigger_sync()
    other = sdk.general.trigger_sync(type_="DELTA")
    assert second.data.already_queued
    assert second.data.sync_id == first.data.sync_id
    assert not other.data.already_queued
