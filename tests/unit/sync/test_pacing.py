"""Reads leave a share of the rate limit to the pushes, and both wait for the same reset."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from kombo_provider.client import KomboClient
from kombo_provider.client.limits import RateLimits
from kombo_provider.errors import ApiError
from kombo_provider.ledger import EVERYWHERE, LaneState, Ledger, lane_states, now
from kombo_provider.sync.pacing import SharedPace, TooLateError
from kombo_sandbox.testing import API_KEY, Sandbox
from tests.unit.sync.kombo import A
from tests.waiting import PATIENCE_SECONDS


class Clock(threading.Event):
    """A clock that moves only by waiting; stands in for the event that is waited on as well."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 100.0

    def __call__(self) -> float:
        return self.at

    def wait(self, timeout: float | None = None) -> bool:
        self.at += timeout or 0.0
        return self.is_set()


def paced(ledger: Ledger, turn_seconds: float = 3_600) -> tuple[SharedPace, Clock]:
    clock = Clock()
    return SharedPace(ledger, "kombo_default", turn_seconds=turn_seconds, stop=clock, clock=clock), clock


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (RateLimits(), 0),
        (RateLimits(300, 299, 57.0), 0),
        (RateLimits(300, 61, 57.0), 0),
        (RateLimits(300, 60, 57.0), 57),
        (RateLimits(None, 0, 12.0), 12),
        (RateLimits(300, 0, None), 0),
    ],
)
def test_reads_wait_for_the_reset_once_only_the_pushes_share_is_left(
    ledger: Ledger, limits: RateLimits, seconds: float
) -> None:
    pace, clock = paced(ledger)
    pace.heed(limits)
    pace.wait()
    assert clock.at == 100.0 + seconds


def test_a_refusal_pauses_every_lane_of_the_connection(ledger: Ledger) -> None:
    pace, _ = paced(ledger)
    pace.heed(RateLimits(300, 0, 300.0, refused=True))
    with ledger.transaction() as conn:
        status = lane_states.own_status(conn, "kombo_default", EVERYWHERE)
        assert status.pause_lasts(now(conn) + timedelta(seconds=200))
        assert not status.pause_lasts(now(conn) + timedelta(seconds=301))


def test_the_pause_that_a_push_met_pauses_reads(ledger: Ledger) -> None:
    began = time.monotonic()
    with ledger.transaction() as conn:
        lane_states.pause_for_rate_limit(conn, "kombo_default", now(conn) + timedelta(seconds=0.4))
    SharedPace(ledger, "kombo_default", turn_seconds=60).wait()
    assert time.monotonic() - began >= 0.4


def test_a_refusal_shortens_no_pause_and_opens_no_lane_that_is_stopped(ledger: Ledger) -> None:
    pace, _ = paced(ledger)
    with ledger.transaction() as conn:
        lane_states.set_state(conn, "kombo_default", EVERYWHERE, LaneState.BLOCKED, code="X")
    pace.heed(RateLimits(300, 0, 30.0, refused=True))
    with ledger.transaction() as conn:
        assert lane_states.own_status(conn, "kombo_default", EVERYWHERE).state is LaneState.BLOCKED


def test_no_read_begins_after_the_turn_or_where_the_wait_would_outlast_it(ledger: Ledger) -> None:
    pace, clock = paced(ledger, turn_seconds=60)
    pace.wait()
    pace.heed(RateLimits(300, 0, 61.0))
    with pytest.raises(TooLateError):
        pace.wait()
    assert clock.at == 100.0
    late, clock = paced(ledger, turn_seconds=60)
    clock.at = 160.0
    with pytest.raises(TooLateError):
        late.wait()


def test_a_stop_ends_the_wait(ledger: Ledger) -> None:
    pace, clock = paced(ledger)
    clock.set()
    with pytest.raises(TooLateError):
        pace.wait()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        for number in range(6):
            body = json.dumps({"candidate": person(number)}).encode()
            assert client(running).create("application", A, "job-1", body).http_status == 200
        yield running


def person(number: int) -> dict[str, str]:
    return {"first_name": "Ada", "last_name": "L", "email_address": f"ada{number}@example.com"}


def client(sandbox: Sandbox, **options: Any) -> KomboClient:
    return KomboClient(api_key=API_KEY, base_url=sandbox.url, timeout_seconds=PATIENCE_SECONDS, **options)


def read(sandbox: Sandbox, ledger: Ledger) -> int:
    pace = SharedPace(ledger, "kombo_default", turn_seconds=600)
    paced_client = client(sandbox, pacing=pace)
    found = sum(len(page.results) for page in paced_client.pages("applications", A, page_size=1))
    paced_client.close()
    return found


def test_reads_meet_no_rate_limit_and_leave_a_fifth_of_it(ledger: Ledger, sandbox: Sandbox) -> None:
    sandbox.config(rate_limit={"limit": 5, "window_seconds": 0.5})
    assert read(sandbox, ledger) == 6
    assert "429" not in sandbox.stats()["by_status"]


def test_a_read_that_is_refused_is_repeated_after_the_reset_and_pauses_the_pushes(
    ledger: Ledger, sandbox: Sandbox
) -> None:
    sandbox.faults([{"kind": "rate_limit_429", "count": 2, "reset_seconds": 0.3, "match": {"path": "/ats/*"}}])
    began = time.monotonic()
    assert read(sandbox, ledger) == 6
    assert time.monotonic() - began >= 0.5
    assert sandbox.stats()["by_status"]["429"] == 2
    with ledger.transaction() as conn:
        assert lane_states.own_status(conn, "kombo_default", EVERYWHERE).code == lane_states.RATE_LIMIT_CODE


def test_a_tracking_request_that_the_rate_limit_refuses_pauses_the_connection(ledger: Ledger, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "rate_limit_429", "count": 1, "reset_seconds": 30, "match": {"path": "/ats/*"}}])
    paced_client = client(sandbox, pacing=SharedPace(ledger, "kombo_default", turn_seconds=600))
    with pytest.raises(ApiError):
        paced_client.import_tracked_application(A, b'{"tracked_at":null,"greenhouse":{}}')
    paced_client.close()
    with ledger.transaction() as conn:
        assert lane_states.own_status(conn, "kombo_default", EVERYWHERE).code == lane_states.RATE_LIMIT_CODE
