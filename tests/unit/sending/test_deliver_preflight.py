"""What Kombo says before anything is sent: blocked lanes, closed jobs; everything else is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from kombo_provider.client import KomboClient
from kombo_provider.ledger import LaneState, lane_states
from kombo_provider.ledger._tables import deliveries, delivery_events
from kombo_provider.sending.deliver import DeliverReport, deliver
from kombo_provider.sending.options import TaskTime
from kombo_provider.sending.preflight import Preflight
from kombo_sandbox.testing import API_KEY, Sandbox
from tests.unit.sending.conftest import Desk
from tests.waiting import PATIENCE_SECONDS

LANE = "greenhouse:3kTqWn8RvYc2LmBz7HdPx5J9"
JOBS, INTEGRATION = "/ats/jobs", f"/integrations/{LANE}"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def send(desk: Desk, sandbox: Sandbox, *, read_within: float = PATIENCE_SECONDS) -> DeliverReport:
    client = KomboClient(api_key=API_KEY, base_url=sandbox.url, timeout_seconds=PATIENCE_SECONDS)
    reads = KomboClient(api_key=API_KEY, base_url=sandbox.url, timeout_seconds=read_within, repeats_reads=False)
    return deliver(
        desk.ledger,
        client,
        desk.selection,
        desk.options,
        [LANE],
        stop=desk.stop,
        read_file=lambda _: b"",
        preflight=Preflight(reads),
    )


def posted(sandbox: Sandbox) -> int:
    return sum(count for route, count in sandbox.stats()["by_route"].items() if route.startswith("POST"))


def codes(desk: Desk) -> dict[str, tuple[str, str | None]]:
    with desk.ledger.transaction() as conn:
        found = conn.execute(select(deliveries.c.applicant_id, deliveries.c.status, deliveries.c.error_code))
        return {row[0]: (row[1], row[2]) for row in found}


def durations(desk: Desk) -> dict[str, int | None]:
    """How long the answers took by which rows were settled."""
    query = select(delivery_events.c.applicant_id, delivery_events.c.duration_ms)
    with desk.ledger.transaction() as conn:
        found = conn.execute(query.where(delivery_events.c.to_status == "rejected"))
        return {row[0]: row[1] for row in found}


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ({"status": "INACTIVE"}, "INTEGRATION.INACTIVE"),
        ({"setup_status": "INCOMPLETE"}, "INTEGRATION.SETUP_INCOMPLETE"),
        ({"action_setting": "DISABLED"}, "INTEGRATION.ACTION_DISABLED"),
        ({"action_opted_out": True}, "INTEGRATION.ACTION_DISABLED"),
        ({"action_coverage": "NOT_IMPLEMENTED"}, "INTEGRATION.ACTION_NOT_AVAILABLE"),
    ],
)
def test_a_lane_that_kombo_would_refuse_is_blocked_without_a_request_and_opens_by_itself(
    desk: Desk, sandbox: Sandbox, setting: dict[str, Any], code: str
) -> None:
    desk.stage("a", lane=LANE)
    sandbox.config(per_integration={LANE: setting})
    for _ in range(2):
        report = send(desk, sandbox)
        (problem,) = report.problems
        assert code in problem
        assert "1 row stays ready" in problem
        assert report.blocked
        with desk.ledger.transaction() as conn:
            assert lane_states.own_status(conn, "k", LANE).state is LaneState.BLOCKED
    assert posted(sandbox) == 0
    sandbox.config(per_integration={LANE: None})
    assert send(desk, sandbox).problems == []
    assert posted(sandbox) == 1


def test_of_a_lane_that_may_be_refused_one_request_finds_out(desk: Desk, sandbox: Sandbox) -> None:
    desk.stage("a", "b", "c", lane=LANE)
    sandbox.config(per_integration={LANE: {"status": "INVALID"}})
    report = send(desk, sandbox)
    assert "INTEGRATION.AUTHENTICATION_INVALID" in report.problems[0]
    assert posted(sandbox) == 1
    assert set(desk.statuses().values()) == {"ready"}
    assert report.log_url is not None


def test_a_lane_whose_first_request_gets_through_goes_on_though_its_status_is_bad(desk: Desk, sandbox: Sandbox) -> None:
    body = json.dumps({"status": "success", "data": {"id": LANE, "status": "INVALID", "setup_status": "COMPLETED"}})
    sandbox.faults([{"kind": "answer", "body": body, "match": {"path": INTEGRATION, "method": "GET"}}])
    for names in ("abc", "def"):
        desk.stage(*names, lane=LANE)
        assert send(desk, sandbox).problems == []
    assert set(desk.statuses().values()) == {"rejected"}, "the bodies are empty"
    assert posted(sandbox) == 6


def test_rows_for_a_closed_job_are_rejected_with_kombos_code_and_never_sent(desk: Desk, sandbox: Sandbox) -> None:
    desk.stage("closed", "remote:shut", "open", "remote:unheard-of", lane=LANE)
    jobs = {name: {"status": "CLOSED"} for name in ("closed", "remote:shut")} | {"open": {"status": "OPEN"}}
    sandbox.config(per_integration={LANE: {"jobs": jobs}})
    assert send(desk, sandbox).problems == []
    found = codes(desk)
    assert found["closed"] == found["remote:shut"] == ("rejected", "ATS.JOB_CLOSED")
    assert found["open"] == found["remote:unheard-of"] == ("rejected", "PLATFORM.INPUT_INVALID")  # the bodies are empty
    assert posted(sandbox) == 2
    assert durations(desk)["closed"] is None, "nobody answered, so no latency is counted"
    assert durations(desk)["open"] is not None


@pytest.mark.parametrize("path", [JOBS, INTEGRATION, "/ats/actions/ats_create_application"])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "code": "PLATFORM.UNKNOWN_ERROR", "status": 500},
        {"kind": "error", "code": None, "status": 404},
        {"kind": "error", "code": "INTEGRATION.MODEL_DISABLED"},
        {"kind": "error", "code": "PLATFORM.INTEGRATION_NOT_FOUND"},
        {"kind": "html", "status": 503},
        {"kind": "rate_limit_429", "reset_seconds": 60},
        {"kind": "answer", "body": "[]"},
        {"kind": "answer", "body": '{"status": "success", "data": null}'},
        {"kind": "answer", "body": '{"status": "success", "data": {"results": [{"id": 5}, {}], "next": null}}'},
        {"kind": "reset"},
        {"kind": "truncated"},
        {"kind": "late", "seconds": 3},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('code', fault.get('body', ''))}",
)
def test_where_kombo_does_not_tell_rows_are_sent(
    desk: Desk, sandbox: Sandbox, path: str, fault: dict[str, Any]
) -> None:
    desk.stage("a", lane=LANE)
    sandbox.faults([{**fault, "match": {"path": path, "method": "GET"}}])
    assert send(desk, sandbox, read_within=0.5).problems == []
    assert posted(sandbox) == 1


def test_a_lane_and_a_run_cost_three_reads_whatever_the_rows(desk: Desk, sandbox: Sandbox) -> None:
    desk.stage(*(f"row-{number}" for number in range(40)), lane=LANE)
    send(desk, sandbox)
    routes = sandbox.stats()["by_route"]
    reads = {route: count for route, count in routes.items() if route.startswith("GET") and "check" not in route}
    assert set(reads.values()) == {1}
    assert len(reads) == 3


def test_what_kombo_is_asked_beforehand_takes_of_the_turn(desk: Desk, sandbox: Sandbox) -> None:
    desk.stage("a", lane=LANE)
    sandbox.faults([{"kind": "late", "seconds": 0.6, "match": {"path": INTEGRATION, "method": "GET"}}])
    desk.options = replace(desk.options, time=TaskTime(0.5))
    report = send(desk, sandbox)
    assert (report.problems, report.left) == ([], {LANE: 1})
    assert posted(sandbox) == 0


def test_a_lane_that_stands_still_is_asked_for_no_longer_than_any_other(desk: Desk, sandbox: Sandbox) -> None:
    desk.stage("a", lane=LANE)
    with desk.ledger.transaction() as conn:
        lane_states.set_state(conn, "k", LANE, LaneState.BLOCKED, code="INTEGRATION.INACTIVE")
    sandbox.faults([{"kind": "late", "seconds": 3, "match": {"path": INTEGRATION, "method": "GET"}}])
    (problem,) = send(desk, sandbox, read_within=0.5).problems
    assert "INTEGRATION.INACTIVE" in problem
    assert posted(sandbox) == 0
