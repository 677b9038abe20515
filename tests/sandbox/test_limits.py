"""The concurrency cap and the rate limit."""

from __future__ import annotations

import pytest
import requests

from kombo_sandbox.limits import RateLimit
from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import GIVES_UP_SOON, INTEGRATION, Api, hold_creates, refusal
from tests.waiting import PATIENCE_SECONDS, wait_until


def test_the_cap_is_30_by_default_and_stands_in_the_headers(api: Api) -> None:
    answer = api.create()
    assert (answer.headers["Concurrency-Limit"], answer.headers["Concurrency-Remaining"]) == ("30", "30")
    assert api.create({}).headers["Concurrency-Limit"] == "30"
    assert "Concurrency-Limit" not in api.get("/ats/jobs").headers


def test_over_the_cap_is_refused_at_once_and_not_executed(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(latency_seconds=600, execute_at=0, per_integration={INTEGRATION: {"concurrency_limit": 3}})
    held = hold_creates(sandbox, 3)
    refused = [api.create() for _ in range(5)]
    assert [refusal(answer)[:2] for answer in refused] == [(429, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED")] * 5
    assert refused[0].headers["Concurrency-Remaining"] == "0"
    stats = sandbox.stats(summary=True)
    assert stats["peak_in_flight"] == {INTEGRATION: 3}
    assert stats["concurrency_rejected"] == {INTEGRATION: 5}
    assert stats["creates_total"] == len(held)


def test_the_cap_counts_per_integration(sandbox: Sandbox) -> None:
    sandbox.config(concurrency_limit=1, per_integration={INTEGRATION: {"latency_seconds": 600}})
    held = hold_creates(sandbox, 1)
    with Api(sandbox.url, integration_id="lever:1") as other:
        assert other.create().status_code == 200
    held[0].close()


def test_no_cap_no_headers(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(concurrency_limit=None)
    assert "Concurrency-Limit" not in api.create().headers


def test_a_request_whose_client_has_gone_holds_its_slot(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(concurrency_limit=1)
    sandbox.faults([{"kind": "write_no_answer", "seconds": 600, "count": 1}])
    with pytest.raises(requests.ReadTimeout):
        api.create(timeout=GIVES_UP_SOON)
    api.session.close()
    wait_until(lambda: sandbox.stats(summary=True)["in_flight"] == {INTEGRATION: 1})
    assert refusal(Api(api.url).create())[1] == "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED"


def test_the_rate_limit_counts_every_request_of_a_key(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(rate_limit={"limit": 3, "window_seconds": 600}, keys={"other-key": "env-2"})
    answers = [api.get("/check-api-key"), api.create({}), api.get("/ats/jobs"), api.create()]
    assert [answer.status_code for answer in answers] == [200, 400, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert all(answer.headers["ratelimit-limit"] == "3" for answer in answers)
    assert 500 < int(answers[3].headers["ratelimit-reset"]) <= 600
    assert refusal(answers[3])[1] == "PLATFORM.RATE_LIMIT_EXCEEDED"
    assert Api(api.url, key="other-key").get("/check-api-key").status_code == 200
    assert sandbox.stats(summary=True)["creates_total"] == 0


def test_no_rate_limit_no_headers(api: Api) -> None:
    assert "ratelimit-limit" not in api.get("/check-api-key").headers


def test_a_new_window_begins_with_the_first_request_after_the_old_one() -> None:
    limit = RateLimit()
    assert dict(limit.count("k", 1, 10, now=0))["ratelimit-reset"] == "10"
    assert dict(limit.count("k", 1, 10, now=10.5))["ratelimit-remaining"] == "0"


def test_600_slow_requests_are_in_flight_together(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(latency_seconds=600, concurrency_limit=None)
    held = hold_creates(sandbox, 600)
    assert api.get("/ats/jobs").status_code == 200
    assert len(held) == 600


def test_a_reset_drops_requests_in_flight_and_does_not_execute_them(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(latency_seconds=3)
    (held,) = hold_creates(sandbox, 1)
    sandbox.reset()
    held.settimeout(PATIENCE_SECONDS)
    assert held.recv(100) == b""
    assert sandbox.creates() == {}
    assert sandbox.stats(summary=True)["by_status"] == {}
