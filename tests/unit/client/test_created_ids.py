from __future__ import annotations

from typing import Any

import pytest

from kombo_provider.client.created import CreatedIds, created_ids


def application(number: int, job: object, made_at: str | None = None, changed_at: str | None = None) -> dict[str, Any]:
    return {
        "id": f"app-{number}",
        "remote_id": f"r-{number}",
        "job": job,
        "remote_created_at": made_at,
        "changed_at": changed_at,
    }


def candidate(*applications: object) -> dict[str, Any]:
    return {"id": "cand", "remote_id": "r-cand", "applications": list(applications)}


JOB = {"id": "job", "remote_id": "77"}
OTHER = {"id": "other", "remote_id": "job"}


def test_an_application_names_its_candidate_at_the_root_or_in_the_object() -> None:
    assert created_ids({"id": "a", "candidate_id": "c"}, "application", "job") == CreatedIds("a", None, "c", None)
    nested = {"id": "a", "remote_id": None, "candidate_id": None, "candidate": {"id": "c", "remote_id": "rc"}}
    assert created_ids(nested, "application", "job") == CreatedIds("a", None, "c", "rc")


def test_the_only_application_of_a_candidate_is_the_one_that_was_made() -> None:
    made = created_ids(candidate(application(1, None)), "candidate", "job")
    assert made == CreatedIds("app-1", "r-1", "cand", "r-cand")


@pytest.mark.parametrize("job_id", ["job", "remote:77"])
def test_the_only_application_is_an_older_one_if_it_names_another_job(job_id: str) -> None:
    made = created_ids(candidate(application(1, OTHER)), "candidate", job_id)
    assert made == CreatedIds(None, None, "cand", "r-cand")


@pytest.mark.parametrize("job_id", ["job", "remote:77"])
def test_of_several_applications_the_one_for_the_job_counts(job_id: str) -> None:
    made = created_ids(candidate(application(1, OTHER), application(2, JOB)), "candidate", job_id)
    assert made.application_id == "app-2"


def test_a_remote_id_that_looks_like_another_jobs_id_is_not_mistaken() -> None:
    made = created_ids(candidate(application(1, OTHER), application(2, JOB)), "candidate", "remote:job")
    assert made.application_id == "app-1"


def test_of_several_for_the_job_the_newest_counts() -> None:
    listed = candidate(
        application(1, JOB, "2025-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"),
        application(2, JOB, "2025-06-01T00:00:00Z"),
        application(3, JOB, None, "2025-03-01T00:00:00.000Z"),
        application(4, JOB, "nonsense"),
    )
    assert created_ids(listed, "candidate", "job").application_id == "app-2"


def test_an_application_without_a_job_is_not_guessed() -> None:
    made = created_ids(candidate(application(1, None), application(2, OTHER)), "candidate", "job")
    assert made == CreatedIds(None, None, "cand", "r-cand")


@pytest.mark.parametrize("data", [None, [], "x", 3, {"id": [], "candidate": "x", "applications": {"a": 1}}])
def test_data_of_a_wrong_shape_gives_no_ids(data: object) -> None:
    assert created_ids(data, "application", "job") == CreatedIds()
    assert created_ids(data, "candidate", "job") == CreatedIds()


def test_a_number_is_an_id_too_and_a_boolean_is_none() -> None:
    assert created_ids({"id": 7, "remote_id": True}, "application", "job") == CreatedIds("7")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "  ",
        "\u3000",
        pytest.param("x" * 501, id="long"),
        pytest.param(10**500, id="long number"),
        pytest.param(-(10**3000), id="very long number"),
        1.5,
        {"id": "x"},
        "a\u202eb",
    ],
)
def test_what_no_index_can_hold_or_nobody_can_see_is_no_id(value: object) -> None:
    assert created_ids({"id": value, "remote_id": value, "candidate_id": value}, "application", "job") == CreatedIds()
