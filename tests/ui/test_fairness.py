"""Under a real scheduler, for many minutes: whatever one lane's backlog, new applicants of others are sent in time.

`make fairness` runs these; each prints its figures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from include.demo.environment import DAG_ID
from tests.ui.conftest import RunningAirflow, running_airflow, wait_until
from tests.ui.fairness import Books, add, empty, write_pipeline

pytestmark = [
    pytest.mark.skipif("KOMBO_FAIRNESS" not in os.environ, reason="`make fairness` runs what takes many minutes"),
    pytest.mark.timeout(3600),
]

SLOW, CAP, LATENCY = "ats:slow", 5, 5.0
OTHERS = ("ats:first", "ats:second")
INTERVAL, RUN_FOR, GRACE = 60.0, 45.0, 60.0
NEWCOMERS = 24 * len(OTHERS)
SECONDS_BETWEEN = 12.5
EVERY_MINUTE = 'schedule="* * * * *", first_run="all", run_for=timedelta(seconds={run_for})'
LANES, SLOTS, GROUPS, SHORT_TURN = 200, 2, 64, 6.0
SECONDS_A_TASK = 6.0
"""What Airflow takes to begin and to end a task, on a machine that is busy."""

BACKFILL_RUNS = 10
SANDBOX = {"latency_seconds": LATENCY, "execute_at": 1.0, "concurrency_limit": CAP, "accept_unknown_jobs": True}


def _backlog(lanes: dict[str, int]) -> Callable[[Path], None]:
    def prepare(warehouse: Path) -> None:
        empty(warehouse, "newcomers")
        for lane, rows in lanes.items():
            add(warehouse, [(lane, f"{lane.removeprefix('ats:')}-{number}@example.com") for number in range(rows)])

    return prepare


def _let_come(
    airflow: RunningAirflow, lanes: tuple[str, ...], number: int, table: str = "applicants"
) -> dict[str, float]:
    """Add new applicants one after another, each lane in turn; return when each was there."""
    added: dict[str, float] = {}
    for one in range(number):
        email = f"new-{one}@example.com"
        add(airflow.files.warehouse, [(lanes[one % len(lanes)], email)], table=table)
        added[email] = time.time()
        time.sleep(SECONDS_BETWEEN)
    return added


def _wait_for_all(books: Books, added: dict[str, float], seconds: float) -> None:
    wait_until(lambda: added.keys() <= books.created.keys(), "a new applicant is not delivered", seconds)


def _print(what: str, waits: list[float], bound: float, share: float) -> None:
    middle, p95 = waits[len(waits) // 2], waits[int(0.95 * (len(waits) - 1))]
    print(
        f"\n{what}: {len(waits)} new applicants waited {waits[0]:.0f} to {waits[-1]:.0f} s (median {middle:.0f}, p95 "
        f"{p95:.0f}, bound {bound:.0f}); the slow lane kept {share:.2f} of its cap"
    )


def test_a_backlog_of_many_minutes_keeps_no_new_applicant_of_another_integration_waiting(tmp_path: Path) -> None:
    dags, rows = tmp_path / "dags", round((NEWCOMERS * SECONDS_BETWEEN + 600) * CAP / LATENCY)
    write_pipeline(dags, DAG_ID, EVERY_MINUTE.format(run_for=RUN_FOR))
    with (
        running_airflow(
            tmp_path, dags=dags, sandbox_settings=SANDBOX, prepare=_backlog({SLOW: rows}), schedule=True
        ) as airflow,
        Books(airflow.sandbox) as books,
    ):
        wait_until(lambda: books.first_request(SLOW), "the backlog was not begun")
        began = time.time() + LATENCY
        added = _let_come(airflow, OTHERS, NEWCOMERS)
        ended = time.time()
        bound = INTERVAL + RUN_FOR + LATENCY + GRACE
        _wait_for_all(books, added, bound)
        waits, share = books.waits(added), books.share_of_cap(SLOW, CAP, began, ended)
        _print("One slow lane", waits, bound, share)
        assert waits[-1] <= bound
        assert share >= 0.8
        assert set(airflow.sandbox.creates().values()) == {1}


def test_with_two_worker_slots_a_new_applicant_waits_for_no_more_than_the_turns_before_it(tmp_path: Path) -> None:
    """Each of 64 groups may take its whole turn: a run lasts as long as all turns, over the slots.

    An applicant may just miss a run, and is sent in the next one, whose short lanes come first. In a turn all are sent
    who came to a lane since its last one, so that nobody waits for his own lane.
    """
    dags = tmp_path / "dags"
    write_pipeline(dags, DAG_ID, EVERY_MINUTE.format(run_for=SHORT_TURN))
    lanes = {f"ats:lane-{number}": 20 for number in range(LANES)} | {SLOW: 20 * LANES}
    settings: dict[str, Any] = SANDBOX | {"latency_seconds": 1.0, "concurrency_limit": 1}
    settings["per_integration"] = {name: {"concurrency_limit": CAP} for name in OTHERS}
    with (
        running_airflow(
            tmp_path, dags=dags, sandbox_settings=settings, prepare=_backlog(lanes), schedule=True, slots=SLOTS
        ) as airflow,
        Books(airflow.sandbox) as books,
    ):
        wait_until(lambda: books.looks and books.looks[-1][1], "the backlog was not begun")
        began = time.time()
        added = _let_come(airflow, OTHERS, NEWCOMERS)
        turns = GROUPS / SLOTS * (SHORT_TURN + 1.0 + SECONDS_A_TASK)
        bound = INTERVAL + 2 * turns + 1.0 + GRACE
        _wait_for_all(books, added, bound)
        waits = books.waits(added)
        _print(f"{LANES} lanes, {SLOTS} slots", waits, bound, books.share_of_cap(SLOW, 1, began, time.time()))
        assert waits[-1] <= bound
        assert set(airflow.sandbox.creates().values()) == {1}


def test_during_a_backfill_a_new_applicant_of_the_same_lane_is_sent_within_a_call_and_a_minute(tmp_path: Path) -> None:
    """The backfill is of another source, and has filled the lane."""
    dags = tmp_path / "dags"
    write_pipeline(dags, DAG_ID, 'schedule="@monthly", first_run="from_now"')
    write_pipeline(dags, "kombo_push_newcomers", 'schedule="* * * * *", first_run="all"', table="newcomers")
    rows = round((BACKFILL_RUNS + 5) * 75 * CAP / LATENCY)
    some_time_ago = datetime.now(UTC).replace(day=15) - timedelta(days=120)

    def prepare(warehouse: Path) -> None:
        empty(warehouse, "newcomers")
        add(warehouse, [(SLOW, f"old-{number}@example.com") for number in range(rows)], at=some_time_ago)

    with (
        running_airflow(tmp_path, dags=dags, sandbox_settings=SANDBOX, prepare=prepare, schedule=True) as airflow,
        Books(airflow.sandbox) as books,
    ):
        first = some_time_ago.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        interval = {"from_date": first.isoformat(), "to_date": first.isoformat()}
        airflow.call("POST", "/backfills", {"dag_id": DAG_ID, "dag_run_conf": {}, **interval}).raise_for_status()
        wait_until(lambda: books.first_request(SLOW), "the backfill was not begun")
        began = time.time() + LATENCY
        airflow.call("PATCH", "/dags/kombo_push_newcomers", {"is_paused": False}).raise_for_status()
        waits: list[float] = []
        for number in range(BACKFILL_RUNS):
            emails = [f"new-{number}-{one}@example.com" for one in range(5)]
            add(airflow.files.warehouse, [(SLOW, email) for email in emails], table="newcomers")
            _wait_for_all(books, dict.fromkeys(emails, 0.0), 300)
            started = _start_of_the_run_that_sent(airflow, emails[0])
            waits += [books.created[email] - started for email in emails]
        ended = time.time()
        share = books.share_of_cap(SLOW, CAP, began, ended)
    waits.sort()
    bound = LATENCY + GRACE
    _print("During a backfill", waits, bound, share)
    assert waits[int(0.95 * len(waits))] <= bound
    assert share >= 0.8


def _start_of_the_run_that_sent(airflow: RunningAirflow, email: str) -> float:
    query = (
        "SELECT run_id FROM kombo_deliveries d JOIN newcomers n ON n.applicant_id = d.applicant_id "
        "WHERE d.source = 'test.newcomers' AND n.candidate__email_address = ?"
    )
    ((run_id,),) = airflow.execute(query, (email,))
    run = airflow.get(f"/dags/kombo_push_newcomers/dagRuns/{quote(run_id)}")
    return datetime.fromisoformat(run["start_date"]).timestamp()
