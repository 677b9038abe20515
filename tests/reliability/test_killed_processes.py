"""P1 and P2 under SIGKILL: never twice, never lost, nothing left `sending`, the cap kept."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from kombo_provider.ledger import Endpoint
from kombo_sandbox.testing import Sandbox
from tests.postgres import PostgresServer
from tests.reliability.points import AFTER_A_KILL, BESIDE, POINTS
from tests.reliability.rounds import KILLED, Round, ended, new_database

LATENCY_SECONDS = [0.1, 0.3]
AT_ONCE = 8


def small_round(url: str, sandbox: Sandbox) -> Round:
    return Round(url, sandbox, applicants=90, cap=10, lease_seconds=1.0)


@pytest.fixture
def round_(database_url: str) -> Iterator[Round]:
    with Sandbox(latency_seconds=LATENCY_SECONDS) as sandbox:
        found = small_round(database_url, sandbox)
        yield found
        found.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_process_killed_at_any_named_point_leaves_nothing_twice_and_nothing_lost(
    kind: str, postgres_server: PostgresServer
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        complaints = pool.map(lambda point: _killed_at(point, kind, postgres_server), POINTS)
        found = dict(zip(POINTS, complaints, strict=True))
    assert found == {point: [] for point in POINTS}


def _killed_at(point: str, kind: str, postgres: PostgresServer) -> list[str]:
    """Play a round with a kill at the point, and one before it where the point is for what a dead process left."""
    with new_database(kind, postgres) as url, Sandbox(latency_seconds=LATENCY_SECONDS) as sandbox:
        round_ = small_round(url, sandbox)
        try:
            if point in AFTER_A_KILL:
                assert round_.run(kill_at=("after the last byte", 20)) == KILLED
            assert round_.run(kill_at=(point, 1 if point in (*BESIDE, *AFTER_A_KILL) else 5)) == KILLED
            assert round_.run() == 0
            return round_.complaints()
        finally:
            round_.close()


@pytest.mark.parametrize("endpoint", ["application", "candidate"])
def test_processes_killed_at_random_times_leave_nothing_twice_and_nothing_lost(
    round_: Round, endpoint: Endpoint
) -> None:
    round_.endpoint = endpoint
    chance = random.Random(5)
    for _ in range(3):
        process = round_.start_busy(requests=5, run_id="tried again")
        time.sleep(chance.random() / 4)
        process.kill()
        assert ended(process) == KILLED
    assert round_.run() == 0
    assert round_.complaints() == []


def test_the_last_rows_on_the_wire_of_a_killed_run_are_put_in_doubt_though_nothing_is_left_to_send(
    round_: Round,
) -> None:
    round_.timeout_seconds, round_.lease_seconds = 60.0, 4.0
    round_.sandbox.config(latency_seconds=[1.0, 1.2])
    process = round_.start()
    while (statuses := round_.statuses())["ready"] or not statuses["sending"]:
        time.sleep(0.02)
    process.kill()
    assert ended(process) == KILLED
    left = round_.on_the_wire()
    assert left
    assert round_.run() == 0
    assert round_.statuses() == {"delivered": 90 - left, "in_doubt": left}
    assert round_.complaints() == []
