"""The client against the sandbox, which behaves as Kombo's documents say and shares no code with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kombo_provider.client import KomboClient, Outcome
from kombo_provider.errors import AccountError
from kombo_sandbox.testing import API_KEY, Sandbox

INTEGRATION = "workday:HWUTwvyx2wLoSUHphiWVrp28"
EMAIL = "hopper@example.org"


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> KomboClient:
    return KomboClient(api_key=API_KEY, base_url=sandbox.url, timeout_seconds=60)


def create(client: KomboClient, endpoint: Any = "application", job_id: str = "remote:job/1") -> Outcome:
    body: dict[str, Any] = {"candidate": {"first_name": "G", "last_name": "Hopper", "email_address": EMAIL}}
    if endpoint == "candidate":
        body["application"] = {"job_id": job_id}
    return client.create(endpoint, INTEGRATION, job_id, json.dumps(body).encode())


@pytest.mark.parametrize("endpoint", ["application", "candidate"])
def test_a_create_gives_all_four_ids_and_is_found_again(sandbox: Sandbox, client: KomboClient, endpoint: str) -> None:
    outcome = create(client, endpoint)

    ids = outcome.ids
    assert outcome.outcome_class == "executed"
    assert None not in (ids.application_id, ids.application_remote_id, ids.candidate_id, ids.candidate_remote_id)
    assert outcome.concurrency_limit == 30
    assert sandbox.creates() == {(INTEGRATION, "remote:job/1", EMAIL): 1}
    [application] = client.applications(INTEGRATION, ids=[ids.application_id])
    [candidate] = client.candidates(INTEGRATION, email=EMAIL.upper())
    assert (application["id"], candidate["id"]) == (ids.application_id, ids.candidate_id)


@pytest.mark.parametrize(
    ("fault", "expected", "executed"),
    [
        ({"kind": "write_no_answer", "seconds": 0.1}, "A", 1),
        ({"kind": "write_reset"}, "A", 1),
        ({"kind": "reset"}, "A", 0),
        ({"kind": "status_after_write", "status": 503}, "A", 1),
        ({"kind": "status_after_write", "status": 500, "envelope": True}, "A", 1),
        ({"kind": "truncated"}, "executed", 1),
        ({"kind": "unparsable"}, "A", 1),
        ({"kind": "null_ids"}, "executed", 1),
        ({"kind": "rate_limit_429"}, "S", 0),
        ({"kind": "concurrency_429"}, "S", 0),
        ({"kind": "html"}, "A", 0),
        ({"kind": "redirect"}, "I", 0),
        ({"kind": "error", "code": "REMOTE.SERVICE_UNAVAILABLE"}, "V", 0),
    ],
)
def test_each_fault_leads_to_its_class(sandbox: Sandbox, fault: dict[str, Any], expected: str, executed: int) -> None:
    sandbox.faults([fault])

    outcome = create(KomboClient(api_key=API_KEY, base_url=sandbox.url, timeout_seconds=60))

    assert outcome.outcome_class == expected
    assert sum(sandbox.creates().values()) == executed


def test_a_wrong_key_stops_the_account(sandbox: Sandbox) -> None:
    client = KomboClient(api_key="wrong-key", base_url=sandbox.url)

    outcome = create(client)

    assert (outcome.outcome_class, outcome.account_wide) == ("I", True)
    with pytest.raises(AccountError):
        client.check_api_key()
