"""The harness is worth something only if broken code fails in it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from kombo_sandbox.testing import Sandbox
from tests.reliability.rounds import Round, ended
from tests.waiting import wait_until


@pytest.fixture
def round_(tmp_path: Path) -> Iterator[Round]:
    with Sandbox(latency_seconds=[0.3, 0.5]) as sandbox:
        found = Round(f"sqlite:///{tmp_path / 'ledger.db'}", sandbox, applicants=150, lease_seconds=1.0)
        yield found
        found.close()


@pytest.mark.parametrize("variant", ["intent after the request", "sending goes back to ready"])
def test_a_kill_with_requests_on_the_wire_shows_duplicates(round_: Round, variant: str) -> None:
    round_.broken = [variant]
    process = round_.start_busy()
    process.kill()
    ended(process)
    round_.run()
    assert any("twice" in complaint for complaint in round_.complaints())


def test_a_retried_read_timeout_shows_duplicates(round_: Round) -> None:
    round_.broken = ["read timeout is retried"]
    round_.timeout_seconds = 1.5
    round_.sandbox.faults([{"kind": "write_no_answer", "rate": 0.1, "seconds": 3}])
    round_.run(patience_seconds=12)
    assert any("twice" in complaint for complaint in round_.complaints())


def test_a_holder_without_an_epoch_check_shows_more_in_flight_than_the_cap(round_: Round) -> None:
    round_.broken = ["no epoch check"]
    round_.sandbox.config(latency_seconds=[1.0, 1.2], concurrency_limit=1000)
    round_.cap, round_.timeout_seconds = 10, 3.0
    sleeper = round_.start_busy()
    assert sleeper.pid is not None
    os.kill(sleeper.pid, signal.SIGSTOP)
    wait_until(lambda: not round_.in_flight())
    successor = round_.start()
    wait_until(lambda: round_.busiest_lane() >= round_.cap - 2)
    os.kill(sleeper.pid, signal.SIGCONT)
    ended(successor)
    ended(sleeper)
    assert any("more in flight" in complaint for complaint in round_.complaints())
