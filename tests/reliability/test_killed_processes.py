"""P1 and P2 under SIGKILL: never twice, never lost, nothing left `sending`, the cap kept."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from include.sandbox.testing import Sandbox
from tests.reliability.points import POINTS
from tests.reliability.rounds import Round


@pytest.fixture
def round_(database_url: str) -> Iterator[Round]:
    with Sandbox(latency_seconds=[0.1, 0.4]) as sandbox:
        found = Round(database_url, sandbox, applicants=120)
        yield found
        found.close()


@pytest.mark.parametrize("point", POINTS)
def test_a_process_killed_at_a_named_point_leaves_nothing_twice_and_nothing_lost(round_: Round, point: str) -> None:
    assert round_.run(kill_at=[point, 1 if "staged" in point or "target" in point else 5]) == -9
    assert round_.run() == 0
    assert round_.complaints() == []


def test_processes_killed_at_random_times_leave_nothing_twice_and_nothing_lost(round_: Round) -> None:
    chance = random.Random(5)
    for _ in range(3):
        round_.run(kill_after=1.2 + chance.random())
    assert round_.run() == 0
    assert round_.complaints() == []
