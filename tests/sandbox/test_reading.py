"""GET lists: pages, cursors, filters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kombo import Kombo

from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import INTEGRATION, Api, application, person, refusal


def fill(api: Api, count: int = 5, job: str = "job-1") -> list[dict[str, Any]]:
    return [api.create(application(f"p{number}"), job=job).json()["data"] for number in range(count)]


def test_the_sdk_walks_the_pages_of_every_list(sandbox: Sandbox, api: Api, sdk: Kombo) -> None:
    for number in range(5):
        api.create(application(f"p{number}"), job=f"job-{number}")
    ats: Any = sdk.ats
    lists = (ats.get_applications, ats.get_candidates, ats.get_jobs, ats.get_application_stages)
    for get, expected in zip(lists, (5, 5, 5, 3), strict=True):
        seen, page = [], get(page_size=2)
        while page is not None:
            seen += [record.id for record in page.result.data.results]
            page = page.next()
        assert len(seen) == len(set(seen)) == expected


def test_a_page_that_ends_the_list_exactly_has_no_next(api: Api) -> None:
    fill(api, 4)
    first = api.get("/ats/applications", page_size=2).json()["data"]
    second = api.get("/ats/applications", page_size=2, cursor=first["next"]).json()["data"]
    assert second["next"] is None
    assert [record["remote_id"] for record in second["results"]] == ["3", "4"]


def test_a_cursor_needs_the_filters_of_its_first_page(api: Api) -> None:
    fill(api, 3)
    first = api.get("/ats/applications", page_size=1, job_ids="job-1").json()["data"]
    assert api.get("/ats/applications", page_size=1, job_ids="job-1", cursor=first["next"]).status_code == 200
    for other in ({}, {"job_ids": "job-2"}, {"job_ids": "job-1", "outcomes": "PENDING"}):
        assert refusal(api.get("/ats/applications", cursor=first["next"], **other))[1] == "PLATFORM.INPUT_INVALID"
    with Api(api.url, integration_id="lever:1") as elsewhere:
        assert elsewhere.get("/ats/applications", job_ids="job-1", cursor=first["next"]).status_code == 400


@pytest.mark.parametrize(
    "params",
    [
        {"page_size": 0}, {"page_size": 251}, {"page_size": "x"}, {"cursor": "x"}, {"include_deleted": "yes"},
        {"updated_after": "2026-01-01T00:00:00+02:00"}, {"outcomes": "OPEN"}, {"remote_created_after": "now"},
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_and_named(api: Api, params: dict[str, Any]) -> None:
    status, code, message = refusal(api.get("/ats/applications", **params))
    assert (status, code) == (400, "PLATFORM.INPUT_INVALID")
    assert message.startswith(f"{next(iter(params))}: ")


def test_applications_by_ids_job_stage_and_outcome(api: Api, sandbox: Sandbox) -> None:
    made = fill(api, 3) + fill(api, 1, job="remote:77")
    sandbox.change(INTEGRATION, application_id=made[0]["id"], outcome="DECLINED", rejection_reason_name="No")

    def found(**params: Any) -> list[str]:
        return [record["remote_id"] for record in api.results("/ats/applications", **params)]

    assert found(ids=f"{made[2]['id']},{made[0]['id']},nobody") == ["1", "3"]
    assert found(remote_ids="2,3") == ["2", "3"]
    assert found(job_ids="job-1") == ["1", "2", "3"]
    assert found(job_ids=f"job-1,{made[3]['job_id']}") == ["1", "2", "3", "4"]
    assert found(job_remote_ids="77") == ["4"]
    assert found(outcomes="DECLINED,HIRED") == ["1"]
    assert found(outcomes="PENDING", job_ids="job-1") == ["2", "3"]
    assert found(current_stage_ids=made[0]["current_stage_id"]) == ["1", "2", "3", "4"]
    assert found(current_stage_ids="other") == []


def test_candidates_by_email_name_and_job(api: Api) -> None:
    second_address = person("grace", additional_email_addresses=[{"type": "WORK", "email_address": "Navy@example.org"}])
    api.create()
    api.create({"candidate": second_address}, job="job-2")

    def found(**params: Any) -> list[str]:
        return [record["first_name"] for record in api.results("/ats/candidates", **params)]

    assert found(email="ADA@example.org") == ["Ada"]
    assert found(email="navy@EXAMPLE.org") == ["Grace"]
    assert found(email="ada@example.org", job_ids="job-2") == []
    assert found(email="ada@example.org", job_ids="job-1") == ["Ada"]
    assert found(first_name="grace", last_name="LOVELACE") == ["Grace"]
    assert found(email="nobody@example.org") == []


def test_jobs_by_status_name_and_code(api: Api, sandbox: Sandbox) -> None:
    jobs = {"remote:1": {"name": "Clerk"}, "remote:2": {"name": "Cook", "status": "CLOSED", "visibility": "INTERNAL"}}
    sandbox.config(per_integration={INTEGRATION: {"jobs": jobs}})

    def found(**params: Any) -> list[str]:
        return [record["name"] for record in api.results("/ats/jobs", **params)]

    assert found() == ["Clerk", "Cook"]
    assert found(statuses="OPEN") == found(status="OPEN") == ["Clerk"]
    assert found(visibilities="INTERNAL") == ["Cook"]
    assert found(name_contains="OO") == ["Cook"]
    assert found(job_codes="1", remote_ids="1") == ["Clerk"]
    assert found(employment_types="FULL_TIME") == []


def test_updated_after_sees_changes_of_the_record_and_of_what_is_nested_in_it(api: Api, sandbox: Sandbox) -> None:
    made = fill(api, 2)
    later = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%S.000Z}"
    earlier = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
    assert len(api.results("/ats/applications", updated_after=earlier)) == 2
    assert api.results("/ats/applications", updated_after=later) == []
    mark = sandbox_time_after(api, made[1]["changed_at"])
    sandbox.change(INTEGRATION, application_id=made[0]["id"], outcome="HIRED")
    assert [record["remote_id"] for record in api.results("/ats/applications", updated_after=mark)] == ["1"]
    assert [record["remote_id"] for record in api.results("/ats/candidates", updated_after=mark)] == ["1"]


def sandbox_time_after(api: Api, instant: str) -> str:
    """A mark that is later than `instant` and not later than now: clocks of a millisecond can stand still."""
    while (now := f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:23] + "Z") <= instant:
        api.get("/check-api-key")
    return now


def test_remote_created_after_goes_by_the_day(api: Api) -> None:
    fill(api, 1)
    today = datetime.now(UTC)
    assert len(api.results("/ats/applications", remote_created_after=f"{today:%Y-%m-%dT23:59:59Z}")) == 1
    assert api.results("/ats/applications", remote_created_after=f"{today + timedelta(days=1):%Y-%m-%d}") == []


def test_deleted_records_show_only_when_asked_for(api: Api, sandbox: Sandbox, sdk: Kombo) -> None:
    made = fill(api, 2)
    sandbox.change(INTEGRATION, application_id=made[0]["id"], deleted=True)
    assert [record["remote_id"] for record in api.results("/ats/applications")] == ["2"]
    shown = sdk.ats.get_applications(include_deleted=True)
    assert shown is not None
    assert [record.remote_deleted_at is not None for record in shown.result.data.results] == [True, False]


def test_an_unsupported_filter_empties_the_result_unless_told_to_ignore_it(api: Api, sandbox: Sandbox) -> None:
    fill(api, 2)
    sandbox.config(unsupported_filters=["email"])
    assert api.results("/ats/candidates", email="p1@example.org") == []
    assert len(api.results("/ats/candidates", email="p1@example.org", ignore_unsupported_filters="true")) == 2


def test_an_integration_sees_only_its_own_records(api: Api) -> None:
    fill(api, 1)
    with Api(api.url, integration_id="lever:1") as elsewhere:
        assert elsewhere.results("/ats/applications") == []


def test_unknown_parameters_are_ignored_unless_the_config_refuses_them(api: Api, sandbox: Sandbox) -> None:
    assert api.get("/ats/candidates", mail="x").status_code == 200
    sandbox.config(unknown_keys="refuse")
    assert refusal(api.get("/ats/candidates", mail="x"))[2].startswith("mail: ")


def test_an_ats_without_dates_shows_them_null(api: Api, sandbox: Sandbox) -> None:
    api.create()
    sandbox.config(remote_dates=False)
    (listed,) = api.results("/ats/applications")
    (person,) = api.results("/ats/candidates")
    (nested,) = person["applications"]
    dates = [record[key] for record in (listed, person, nested) for key in ("remote_created_at", "remote_updated_at")]
    assert dates == [None] * 6
