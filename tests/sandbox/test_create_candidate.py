"""POST /ats/candidates"""

from __future__ import annotations

from kombo import Kombo

from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import INTEGRATION, Api, person, refusal


def test_the_sdk_accepts_the_answer(sandbox: Sandbox, sdk: Kombo) -> None:
    made = sdk.ats.create_candidate(candidate=person(), application={"job_id": "remote:77"})
    assert made.data.remote_id == "1"
    assert len(made.data.applications) == 1
    assert sandbox.creates() == {(INTEGRATION, "remote:77", "ada@example.org"): 1}


def test_the_sdk_accepts_the_answer_for_a_candidate_who_was_there_before(sandbox: Sandbox, sdk: Kombo) -> None:
    first = sdk.ats.create_application(job_id="job-1", candidate=person())
    second = sdk.ats.create_candidate(candidate=person(), application={"job_id": "job-2"})
    assert second.data.id == first.data.candidate_id
    assert [entry.job.id for entry in second.data.applications if entry.job] == ["job-1", "job-2"]


def test_application_and_its_job_id_are_required(api: Api) -> None:
    assert refusal(api.post("/ats/candidates", {"candidate": person()}))[2].startswith("application: ")
    answer = api.post("/ats/candidates", {"candidate": person(), "application": {}})
    assert refusal(answer) == (400, "PLATFORM.INPUT_INVALID", "application.job_id: is required")
