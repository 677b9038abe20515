"""What Kombo lists about jobs is asked once, in batches, and never waited for long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kombo_provider.client.job_lookup import JOBS_PER_REQUEST, JobLookup
from kombo_provider.errors import AccountError, ApiError

ONE = "greenhouse:one"


class ListedJobs:
    """Jobs of a client; keeps what was asked for, takes time for it, and fails where a test says so."""

    def __init__(self, *jobs: dict[str, Any], seconds: float = 0.0) -> None:
        self.listed, self.seconds, self.now = jobs, seconds, 0.0
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.failing: set[str] = set()
        self.error = ApiError("GET /ats/jobs failed")

    def jobs(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        self.asked.append((integration_id, filters))
        self.now += self.seconds
        if integration_id in self.failing:
            raise self.error
        for job in self.listed:
            if job.get("id") in filters.get("ids", ()) or job.get("remote_id") in filters.get("remote_ids", ()):
                yield job

    def lookup(self, **limits: Any) -> JobLookup:
        return JobLookup(self, clock=lambda: self.now, **limits)


def test_jobs_are_found_by_either_id_and_one_that_is_not_listed_is_none() -> None:
    job = {"id": "J1", "remote_id": "r1"}
    client = ListedJobs(job)
    lookup = client.lookup()
    assert lookup.find(ONE, ["J1", "remote:r1", "J2", "remote:J1"]) == {
        "J1": job,
        "remote:r1": job,
        "J2": None,
        "remote:J1": None,
    }
    assert [filters for _, filters in client.asked] == [{"ids": ["J1", "J2"]}, {"remote_ids": ["J1", "r1"]}]


def test_a_job_is_asked_for_once_until_its_answer_is_old() -> None:
    client = ListedJobs()
    lookup = client.lookup(age=10.0)
    for _ in range(3):
        assert lookup.find(ONE, ["J1"]) == {"J1": None}
    assert len(client.asked) == 1
    client.now = 11.0
    assert lookup.find(ONE, ["J1"]) == {"J1": None}
    assert len(client.asked) == 2


def test_many_jobs_are_asked_for_in_few_requests() -> None:
    client = ListedJobs()
    names = [f"J{number}" for number in range(2 * JOBS_PER_REQUEST + 1)]
    assert len(client.lookup().find(ONE, names)) == len(names)
    assert [len(filters["ids"]) for _, filters in client.asked] == [JOBS_PER_REQUEST, JOBS_PER_REQUEST, 1]
    few = ListedJobs()
    assert len(few.lookup(requests_per_integration=1).find(ONE, names)) == JOBS_PER_REQUEST


def test_an_integration_that_fails_is_not_asked_again_and_others_are() -> None:
    client = ListedJobs()
    client.failing = {ONE}
    lookup = client.lookup()
    assert lookup.find(ONE, ["J1"]) == {}
    assert lookup.find(ONE, ["J2"]) == {}
    assert lookup.find("lever:two", ["J1"]) == {"J1": None}
    assert [name for name, _ in client.asked] == [ONE, "lever:two"]


def test_nobody_is_asked_once_the_key_was_refused() -> None:
    client = ListedJobs()
    client.failing, client.error = {ONE}, AccountError("the key is refused")
    lookup = client.lookup()
    assert lookup.find(ONE, ["J1"]) == {}
    assert lookup.find("lever:two", ["J1"]) == {}
    assert len(client.asked) == 1


def test_nobody_is_asked_once_the_time_for_it_is_spent() -> None:
    client = ListedJobs(seconds=20.0)
    lookup = client.lookup(budget=30.0)
    found = [lookup.find(f"ats:{number}", ["J1"]) for number in range(4)]
    assert found == [{"J1": None}, {"J1": None}, {}, {}]
    assert len(client.asked) == 2


@pytest.mark.parametrize("job_id", ["remote:a,b", "a,b"])
def test_an_id_with_a_comma_is_not_asked_for_and_no_other_one_suffers(job_id: str) -> None:
    assert ListedJobs().lookup().find(ONE, [job_id, "J1"]) == {"J1": None}


def test_a_server_that_heeds_no_filter_costs_one_page() -> None:
    class Endless(ListedJobs):
        taken = 0

        def jobs(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
            while True:
                self.taken += 1
                yield {"id": f"other-{self.taken}", "remote_id": None}

    client = Endless()
    assert client.lookup().find(ONE, ["J1"]) == {}
    assert client.taken == 250


def test_a_full_page_of_a_server_without_the_filter_does_not_say_that_a_job_is_not_listed() -> None:
    class Many(ListedJobs):
        def jobs(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
            yield from ({"id": f"J{number}"} for number in range(300))

    assert Many().lookup().find(ONE, ["J7", "J280"]) == {"J7": {"id": "J7"}}
