"""POST /ats/jobs/{job_id}/applications"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

import pytest
from kombo import Kombo
from kombo.models import PostAtsJobsJobIDApplicationsRequestBodyAttachmentTypedDict

from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import INTEGRATION, Api, application, person


def test_the_sdk_accepts_the_answer_to_a_minimal_body(sandbox: Sandbox, sdk: Kombo) -> None:
    made = sdk.ats.create_application(job_id="job-1", candidate=person())
    assert made.data.job_id == "job-1"
    assert made.data.remote_id == "1"
    assert made.data.outcome == "PENDING"
    assert made.warnings == []


@pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning")  # `source` is, in the SDK
def test_the_sdk_accepts_the_answer_to_a_body_with_every_field(sandbox: Sandbox, sdk: Kombo) -> None:
    attachment: PostAtsJobsJobIDApplicationsRequestBodyAttachmentTypedDict = {
        "name": "cv.pdf",
        "type": "CV",
        "data": base64.b64encode(b"%PDF-1.7").decode(),
        "content_type": "application/pdf",
    }
    everything = person(
        additional_email_addresses=[{"type": "WORK", "email_address": "ada@work.example.org"}],
        company="Analytical Engines",
        title="Countess",
        phone_number="+44 1",
        additional_phone_numbers=[{"type": "PERSONAL", "phone_number": "+44 2"}],
        location={"country": "GB", "city": "London", "state": "LDN", "street_1": "1 St James Sq", "zip_code": "SW1"},
        gender="FEMALE",
        availability_date="2026-12-01T00:00:00Z",
        salary_expectations={"amount": 1000, "period": "MONTH"},
        social_links=[{"url": "https://example.org/ada"}],
    )
    made = sdk.ats.create_application(
        job_id="remote:77",
        candidate=everything,
        attachments=[attachment],
        source={"name": "Job board"},
        sourced_by={"user_id": "remote:9"},
        gdpr_consent={"given": True, "expires_at": datetime(2027, 1, 1, tzinfo=UTC)},
        remote_fields={"lever": {"candidate": {"tags": ["a"]}}},
    )
    person_made = made.data.candidate
    assert person_made is not None
    assert [entry.email_address for entry in person_made.email_addresses or []] == [
        "ada@example.org",
        "ada@work.example.org",
    ]
    assert person_made.source == "Job board"
    assert person_made.location is not None
    assert made.data.job is not None
    assert made.data.job.remote_id == "77"


def test_a_second_application_is_attached_to_the_candidate_with_the_same_email(sandbox: Sandbox, sdk: Kombo) -> None:
    first = sdk.ats.create_application(job_id="job-1", candidate=person())
    second = sdk.ats.create_application(job_id="job-2", candidate=person() | {"email_address": "ADA@Example.org"})
    assert first.data.candidate_id == second.data.candidate_id
    assert first.data.id != second.data.id


def test_ids_have_24_characters_and_come_from_integration_and_remote_id_but_not_from_the_model(api: Api) -> None:
    data = api.create().json()["data"]
    assert re.fullmatch(r"[A-Za-z0-9]{24}", data["id"])
    assert (data["remote_id"], data["candidate"]["remote_id"]) == ("1", "1")
    assert data["id"] == data["candidate_id"]
    other = Api(api.url, integration_id="lever:1").create().json()["data"]
    assert other["remote_id"] == "1"
    assert other["id"] != data["id"]


def test_a_remote_job_id_is_percent_decoded_and_is_the_same_job_as_its_kombo_id(api: Api, sandbox: Sandbox) -> None:
    by_remote = api.create(job="remote:a%2Fb%3Fc%23d%20e").json()["data"]
    assert by_remote["job"]["remote_id"] == "a/b?c#d e"
    by_id = api.create(job=by_remote["job_id"]).json()["data"]
    assert by_id["job_id"] == by_remote["job_id"]
    assert sandbox.creates() == {(INTEGRATION, "remote:a/b?c#d e", "ada@example.org"): 2}


def test_a_duplicate_is_made_and_counted_by_default(api: Api, sandbox: Sandbox) -> None:
    assert [api.create().status_code for _ in range(2)] == [200, 200]
    assert sandbox.creates() == {(INTEGRATION, "job-1", "ada@example.org"): 2}
    assert sandbox.stats(summary=True)["duplicates"] == 1


def test_refuse_duplicates_refuses_the_same_job_and_takes_another_one(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(refuse_duplicates=True)
    assert api.create().status_code == 200
    again = api.create()
    assert again.json()["error"]["code"] == "ATS.APPLICATION_ALREADY_EXISTS"
    assert api.create(job="job-2").status_code == 200
    assert sandbox.stats(summary=True)["creates_total"] == 2


def test_a_closed_job_takes_nothing(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(jobs={"remote:77": {"status": "CLOSED"}})
    assert api.create(job="remote:77").json()["error"]["code"] == "ATS.JOB_CLOSED"
    assert api.create(job="remote:78").status_code == 200
    sandbox.config(jobs={"remote:78": {"status": "CLOSED"}})
    assert api.create(job="remote:78").json()["error"]["code"] == "ATS.JOB_CLOSED"
    assert sandbox.stats(summary=True)["creates_total"] == 1


def test_unknown_jobs_can_be_refused(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(accept_unknown_jobs=False, per_integration={INTEGRATION: {"jobs": {"remote:1": {"name": "Clerk"}}}})
    assert api.create(job="remote:1").status_code == 200
    assert api.create(job="remote:2").json()["error"]["code"] == "PLATFORM.INPUT_INVALID"


def test_unsupported_fields_and_configured_warnings_come_back_as_warnings(sandbox: Sandbox, sdk: Kombo) -> None:
    sandbox.config(unsupported_fields=["candidate.gender"], warnings=["Slow day at the ATS."])
    made = sdk.ats.create_application(job_id="job-1", candidate=person(gender="FEMALE"))
    messages = [warning.message for warning in made.warnings]
    assert messages[0] == "Slow day at the ATS."
    assert "candidate.gender" in messages[1]


def test_a_stage_is_taken_over(api: Api) -> None:
    stages = api.results("/ats/application-stages")
    made = api.create(application(stage_id=stages[1]["id"])).json()["data"]
    assert made["current_stage"]["name"] == "Interview"
