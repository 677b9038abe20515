"""Which requests a rule strikes, how often, and which rules are refused."""

from __future__ import annotations

from typing import Any

import pytest

from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import INTEGRATION, Api, application, refusal


def test_count_is_a_budget_and_what_is_left_is_listed(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "html", "count": 2}])
    statuses = [api.create().status_code]
    assert [rule["count"] for rule in sandbox.faults()] == [1]
    statuses += [api.create().status_code for _ in range(2)]
    assert statuses == [503, 503, 200]
    assert sandbox.faults() == []
    assert sandbox.stats(summary=True)["faults_used"] == {"html": 2}


def test_the_first_matching_rule_with_budget_left_wins(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "html", "status": 502, "count": 1}, {"kind": "html", "status": 504, "count": 1}])
    assert [api.create().status_code for _ in range(3)] == [502, 504, 200]


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"email": "ADA@example.org"}, True),
        ({"email": "*@example.org"}, True),
        ({"email": ["x@example.org", "ada@example.org"]}, True),
        ({"email": "x@example.org"}, False),
        ({"integration_id": INTEGRATION, "job_id": "job-1"}, True),
        ({"job_id": "job-2"}, False),
        ({"method": "POST", "path": "/ats/jobs/*"}, True),
        ({"path": "/ats/candidates"}, False),
    ],
)
def test_match_narrows_a_rule(api: Api, sandbox: Sandbox, match: dict[str, Any], hit: bool) -> None:
    sandbox.faults([{"kind": "html", "match": match}])
    assert api.create().status_code == (503 if hit else 200)


def test_a_rule_is_for_creates_only_unless_it_names_a_method_or_path(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "html"}])
    assert api.get("/ats/jobs").status_code == 200
    sandbox.faults([{"kind": "html", "match": {"method": "GET"}, "count": 1}])
    assert api.get("/check-api-key").status_code == 503
    sandbox.faults([{"kind": "error", "code": "INTEGRATION.MODEL_DISABLED", "match": {"path": "/ats/jobs"}}])
    assert refusal(api.get("/ats/jobs"))[1] == "INTEGRATION.MODEL_DISABLED"


def test_a_rate_repeats_itself_with_the_same_seed(api: Api, sandbox: Sandbox) -> None:
    def run() -> list[int]:
        sandbox.config(seed=7)
        return [api.create(application(f"p{number}")).status_code for number in range(60)]

    sandbox.faults([{"kind": "html", "rate": 0.3}])
    first = run()
    assert first == run()
    assert 5 < first.count(503) < 35


def test_clear_faults(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "html"}])
    sandbox.clear_faults()
    assert api.create().status_code == 200


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "nothing"}, {"kind": ["late"]}, {"kind": None}, {},
        {"kind": "late", "second": 1}, {"kind": "late", "seconds": "1"}, {"kind": "error"},
        {"kind": "error", "code": "NEW"}, {"kind": "html", "rate": 2}, {"kind": "html", "count": 0},
        {"kind": "html", "match": {"mail": "x"}}, {"kind": "status_after_write", "status": 404},
        {"kind": "informational", "statuses": [101]}, {"kind": "informational", "statuses": 103},
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused_and_nothing_is_added(sandbox: Sandbox, rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="fault rule"):
        sandbox.faults([{"kind": "html"}, rule])
    assert sandbox.faults() == []
