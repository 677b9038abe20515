"""One task's deliveries: which lanes may send at all, and the sentences about those that may not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kombo_provider.client import KomboClient
from kombo_provider.errors import AccountError
from kombo_provider.ledger import LaneState, lane_states, now
from kombo_provider.sending.deliver import DeliverReport, deliver
from kombo_provider.sending.options import TaskTime
from kombo_sandbox.testing import API_KEY, Sandbox
from tests.unit.sending.conftest import Desk
from tests.waiting import PATIENCE_SECONDS

HEALTHY, OTHER = "greenhouse:3kTqWn8RvYc2LmBz7HdPx5J9", "workday:9sDfGh4JkLz6XcVb1NmQwE8r"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def send(desk: Desk, sandbox: Sandbox, *, key: str = API_KEY) -> DeliverReport:
    client = KomboClient(api_key=key, base_url=sandbox.url, timeout_seconds=PATIENCE_SECONDS)
    return deliver(
        desk.ledger,
        client,
        desk.selection,
        desk.options,
        [HEALTHY, OTHER],
        stop=desk.stop,
        read_file=lambda _: b"",
    )


@pytest.fixture
def staged(desk: Desk) -> Desk:
    """A row in each of two lanes; their bodies are empty, so Kombo refuses them."""
    desk.stage("a", lane=HEALTHY)
    desk.stage("b", lane=OTHER)
    return desk


def set_state(desk: Desk, state: LaneState, **more: Any) -> None:
    with desk.ledger.transaction() as conn:
        lane_states.set_state(conn, "k", OTHER, state, **more)


def only_the_healthy_lane_was_sent(desk: Desk) -> bool:
    return desk.statuses() == {"a": "rejected", "b": "ready"}


def test_a_key_that_kombo_refuses_fails_before_anything_is_sent(staged: Desk, sandbox: Sandbox) -> None:
    with pytest.raises(AccountError):
        send(staged, sandbox, key="wrong")
    assert set(staged.statuses().values()) == {"ready"}


def test_a_lane_of_another_environment_ends_alone_and_both_are_named(staged: Desk, sandbox: Sandbox) -> None:
    with staged.ledger.transaction() as conn:
        lane_states.bind_environment(conn, "k", OTHER, "the-former-one")
    report = send(staged, sandbox)
    assert only_the_healthy_lane_was_sent(staged)
    (problem,) = report.problems
    assert OTHER in problem
    assert "the-former-one" in problem
    assert "1 row stays ready" in problem


def test_a_lane_that_a_person_stopped_ends_alone_and_no_check_opens_it(staged: Desk, sandbox: Sandbox) -> None:
    set_state(staged, LaneState.STOPPED)
    for _ in range(2):
        report = send(staged, sandbox)
        (problem,) = report.problems
        assert "airflow kombo lanes open" in problem
    assert only_the_healthy_lane_was_sent(staged)
    assert report.blocked


def test_a_blocked_lane_that_kombo_calls_healthy_again_sends_again(staged: Desk, sandbox: Sandbox) -> None:
    set_state(staged, LaneState.BLOCKED, code="INTEGRATION.AUTHENTICATION_INVALID")
    assert send(staged, sandbox).problems == []
    assert set(staged.statuses().values()) == {"rejected"}


def test_a_lane_that_is_paused_for_long_is_passed_over_with_its_log_page(staged: Desk, sandbox: Sandbox) -> None:
    with staged.ledger.transaction() as conn:
        until = now(conn) + timedelta(hours=1)
    page = "https://app.kombo.dev/logs/1"
    set_state(staged, LaneState.PAUSED, code="HTTP 500", log_url=page, paused_until=until)
    report = send(staged, sandbox)
    (problem,) = report.problems
    assert f"Log page: {page}" in problem
    assert report.log_url == page
    assert only_the_healthy_lane_was_sent(staged)


def test_rows_that_the_turn_did_not_reach_are_left_and_no_problem(staged: Desk, sandbox: Sandbox) -> None:
    staged.options = replace(staged.options, time=TaskTime(1e-9))
    report = send(staged, sandbox)
    assert (report.problems, report.left) == ([], {HEALTHY: 1, OTHER: 1})
    assert set(staged.statuses().values()) == {"ready"}
