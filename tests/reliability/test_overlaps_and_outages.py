"""Runs at once, zombies, cut connections, a ledger that goes away: never twice, never lost, the cap kept."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess

import pytest
from sqlalchemy import text

from kombo_sandbox.testing import Sandbox
from tests.postgres import PostgresServer
from tests.reliability.proxy import Proxy
from tests.reliability.rounds import Round, ended
from tests.waiting import wait_until

SHORT_LEASE_SECONDS = 1.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(latency_seconds=[0.2, 0.4]) as sandbox:
        yield sandbox


@pytest.fixture
def round_(database_url: str, sandbox: Sandbox) -> Iterator[Round]:
    found = Round(database_url, sandbox, applicants=90, timeout_seconds=60.0, lease_seconds=30.0)
    yield found
    found.close()


def test_two_runs_and_a_backfill_at_once_share_the_lanes(round_: Round) -> None:
    processes = [round_.start(backfill=number == 2) for number in range(3)]
    assert [ended(process) for process in processes] == [0, 0, 0]
    assert round_.complaints() == []
    assert round_.statuses() == {"delivered": 90}


def test_a_cleared_task_takes_over_from_its_former_try_that_still_runs(round_: Round) -> None:
    round_.lease_seconds = SHORT_LEASE_SECONDS
    former = round_.start_busy(run_id="the same run")
    assert round_.run(run_id="the same run") == 0
    ended(former)
    assert round_.run() == 0
    assert round_.complaints() == []


def test_a_holder_that_slept_through_its_lease_sends_nothing_more_when_it_wakes(round_: Round) -> None:
    round_.lease_seconds = SHORT_LEASE_SECONDS
    sleeper = round_.start_busy()
    os.kill(_pid(sleeper), signal.SIGSTOP)
    successor = round_.start()
    time.sleep(2.5 * SHORT_LEASE_SECONDS)  # the lease ends, the successor sends
    os.kill(_pid(sleeper), signal.SIGCONT)
    assert ended(successor) == 0
    ended(sleeper)
    assert round_.run() == 0
    assert round_.complaints() == []


def test_a_stopped_task_leaves_nothing_sending_while_its_answers_are_owed_and_still_hears_them(
    round_: Round,
) -> None:
    round_.sandbox.config(latency_seconds=9)
    with round_.engine.begin() as conn:
        conn.execute(text("DELETE FROM people WHERE id >= 60"))
    round_.applicants = 60
    process = round_.start_busy(requests=3)
    process.terminate()
    wait_until(lambda: not round_.on_the_wire(), every_seconds=0.05)
    assert round_.in_flight(), "it waits for the answers first"
    assert round_.held_lanes() == 0
    assert ended(process) != 0
    assert round_.statuses()["in_doubt"] == 0
    round_.sandbox.config(latency_seconds=0.1)
    assert round_.run() == 0
    assert round_.complaints() == []


def test_connections_that_are_cut_delayed_or_truncated_cost_doubts_and_nothing_else(
    round_: Round, sandbox: Sandbox
) -> None:
    round_.timeout_seconds = 10.0
    proxy = Proxy(sandbox.url, share=0.1, seed=3)
    round_.kombo = proxy.url
    round_.run(patience_seconds=15)
    proxy.close()
    round_.kombo = None
    assert proxy.harmed > 0
    assert round_.run() == 0
    assert round_.complaints() == []


def test_a_ledger_that_goes_away_and_comes_back_costs_time_only(
    postgres_server: PostgresServer, postgres_database: str, sandbox: Sandbox
) -> None:
    round_ = Round(postgres_server.url(postgres_database), sandbox, applicants=90)
    process = round_.start_busy()
    round_.engine.dispose()
    postgres_server.execute(f"ALTER DATABASE {postgres_database} ALLOW_CONNECTIONS false")
    postgres_server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{postgres_database}'"
    )
    time.sleep(1.0)
    postgres_server.execute(f"ALTER DATABASE {postgres_database} ALLOW_CONNECTIONS true")
    assert ended(process) == 0
    assert round_.run() == 0
    assert round_.complaints() == []
    round_.close()


def test_a_storm_of_429s_costs_time_and_no_row(round_: Round, sandbox: Sandbox) -> None:
    sandbox.config(concurrency_limit=7, latency_seconds=[0.05, 0.2])
    sandbox.faults(
        [{"kind": "rate_limit_429", "rate": 0.03, "reset_seconds": 0.2}, {"kind": "concurrency_429", "rate": 0.1}]
    )
    assert round_.run(patience_seconds=50) == 0
    sandbox.clear_faults()
    assert round_.run() == 0
    assert round_.complaints() == []
    assert round_.statuses() == {"delivered": 90}
    assert max(sandbox.stats(summary=True)["peak_in_flight"].values()) <= 7


def _pid(process: ForkServerProcess) -> int:
    assert process.pid is not None
    return process.pid
