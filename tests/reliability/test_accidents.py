"""What goes wrong beside the network: commits that end unheard, threads, a person who is forgotten."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from kombo_provider.errors import LanePausedError, LedgerError
from kombo_provider.ledger import Ledger, lane_states
from kombo_provider.ledger._tables import EVERYWHERE, deliveries, lanes
from kombo_provider.ledger.selection import Selection
from kombo_provider.sending import group_commit
from kombo_provider.sending.body_memory import BodyMemory
from kombo_provider.sending.deliver import DeliverReport
from kombo_provider.sending.endings import Notice
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.opening import open_lane
from kombo_provider.sending.options import SendOptions, Tuning
from tests.reliability.three_lanes import INTEGRATIONS, PATIENT, RUN, ThreeLanes
from tests.waiting import wait_until


def _assert_all_delivered_once(desk: ThreeLanes) -> None:
    assert all(desk.statuses(integration) == {"delivered": 20} for integration in INTEGRATIONS)
    assert list(desk.sandbox.creates().values()) == [1] * 60


def _in_flight(desk: ThreeLanes) -> list[int]:
    """How many requests of each lane the sandbox works on."""
    found = desk.sandbox.stats(summary=True)["in_flight"]
    return [found.get(integration, 0) for integration in INTEGRATIONS]


def _stopped_once(desk: ThreeLanes, condition: Callable[[bool], bool], **options: Any) -> DeliverReport:
    """Deliver, and stop that once the condition holds, which is told whether the delivering has ended."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        delivering = pool.submit(desk.deliver, stop=stop, **options)
        try:
            wait_until(lambda: condition(delivering.done()))
        finally:
            stop.set()
        return delivering.result()


def _assert_nothing_sending_and_nothing_held(desk: ThreeLanes) -> None:
    with desk.ledger.transaction() as conn:
        assert not conn.execute(select(deliveries).where(deliveries.c.status == "sending")).all()
        assert not conn.execute(select(lanes).where(lanes.c.lease_holder.is_not(None))).all()


def test_claims_whose_commit_succeeded_unheard_are_taken_back_and_sent(
    desk: ThreeLanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, commits = desk.ledger.engine.dialect.do_commit, 0

    def cut_off(connection: Any) -> None:
        nonlocal commits
        commit(connection)
        commits += 1
        if commits in (8, 12):
            raise OperationalError("COMMIT", None, Exception("server closed the connection unexpectedly"))

    monkeypatch.setattr(desk.ledger.engine.dialect, "do_commit", cut_off)
    assert desk.deliver().problems == []
    assert commits > 12
    _assert_all_delivered_once(desk)


def test_where_no_thread_can_be_started_nothing_is_left_sending_or_in_doubt(
    desk: ThreeLanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, submits = ThreadPoolExecutor.submit, 0

    def failing(pool: ThreadPoolExecutor, *args: Any) -> Any:
        nonlocal submits
        submits += 1
        if submits == 6:
            raise RuntimeError("can't start new thread")
        return submit(pool, *args)

    with monkeypatch.context() as patched:
        patched.setattr(ThreadPoolExecutor, "submit", failing)
        with pytest.raises(RuntimeError, match="new thread"):
            desk.deliver()
    _assert_nothing_sending_and_nothing_held(desk)
    assert desk.deliver().problems == []
    _assert_all_delivered_once(desk)


def test_a_success_that_cannot_be_committed_stops_the_lane_is_logged_once_and_kept(
    desk: ThreeLanes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    transaction, failed_again = Ledger.transaction, 0

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if "not yet recorded" in record.getMessage()]

    def away(ledger: Ledger) -> AbstractContextManager[Connection]:
        nonlocal failed_again
        if failed_again == 2 or desk.sandbox.stats(summary=True)["creates_total"] < 6:
            return transaction(ledger)
        failed_again += bool(said())
        raise LedgerError("The ledger's database failed: OperationalError")

    monkeypatch.setattr(Ledger, "transaction", away)
    with caplog.at_level(logging.ERROR):
        assert desk.deliver().problems == []
    assert failed_again == 2
    assert len(said()) == len(set(said()))
    assert all("source s, integration ats" in line and "application " in line for line in said())
    _assert_all_delivered_once(desk)


def test_what_is_answered_while_a_task_stops_is_recorded_though_the_first_commit_fails(
    desk: ThreeLanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sandbox.config(latency_seconds=1.0)
    close = group_commit.GroupCommit.close
    failed: list[bool] = []

    def failing_once(*args: Any) -> None:
        if not failed:
            failed.append(True)
            raise LedgerError("The ledger's database failed: deadlock detected")
        close(*args)

    monkeypatch.setattr(group_commit.GroupCommit, "close", failing_once)
    report = _stopped_once(desk, lambda done: all(_in_flight(desk)))
    assert all("the task was told to stop" in problem for problem in report.problems)
    assert len(report.problems) == len(INTEGRATIONS)
    _assert_nothing_sending_and_nothing_held(desk)
    created = desk.sandbox.stats(summary=True)["creates_total"]
    assert created == sum(desk.statuses(integration)["delivered"] for integration in INTEGRATIONS) > 0


def test_a_fault_of_ours_while_answers_are_taken_in_loses_none_of_them(
    desk: ThreeLanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished, calls = Lane.finished, 0

    def failing(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 10:
            raise MemoryError
        return finished(*args, **more)

    monkeypatch.setattr(Lane, "finished", failing)
    with pytest.raises(MemoryError):
        desk.deliver()
    _assert_nothing_sending_and_nothing_held(desk)
    wait_until(lambda: not any(_in_flight(desk)))  # the sandbox has executed what was on the wire
    statuses = sum((desk.statuses(integration) for integration in INTEGRATIONS), Counter[str]())
    created = desk.sandbox.stats(summary=True)["creates_total"]
    assert 10 < statuses["delivered"] <= created <= statuses["delivered"] + statuses["in_doubt"]


def test_a_holder_that_lost_its_lane_does_not_overrule_the_next_one(desk: ThreeLanes) -> None:
    former, lane = _opened(desk, "former")
    with desk.ledger.transaction() as conn:
        conn.execute(lanes.update().values(lease_expires_at=None))
    _opened(desk, "next")
    with desk.ledger.transaction() as conn:
        lane_states.set_state(conn, "k", INTEGRATIONS[0], lane_states.LaneState.BLOCKED, code="X")
    former.announce(Notice(lane.integration_id, lane_states.LaneState.OPEN, None, None, 0.0, 0, account_wide=False))
    former.close([], [lane])
    with desk.ledger.transaction() as conn:
        assert lane_states.own_status(conn, "k", INTEGRATIONS[0]).code == "X"


def test_a_stopped_lane_on_which_nothing_is_to_be_sent_is_no_failure_of_the_task(desk: ThreeLanes) -> None:
    with desk.ledger.transaction() as conn:
        conn.execute(deliveries.delete().where(deliveries.c.integration_id == INTEGRATIONS[1]))
        lane_states.set_state(conn, "k", INTEGRATIONS[1], lane_states.LaneState.BLOCKED, code="X")
    desk.sandbox.config(per_integration={INTEGRATIONS[1]: {"status": "INVALID"}})
    assert desk.deliver().problems == []
    assert desk.ready() == {}


def test_a_fault_of_ours_before_the_first_byte_is_no_doubt_and_its_text_stays_in_the_process(
    one_with_file: ThreeLanes, caplog: pytest.LogCaptureFixture
) -> None:
    person = "Jane"

    def failing(url: str) -> bytes:
        raise RuntimeError(f"AccessDenied: {url}, cv of {person}")

    with pytest.raises(LanePausedError, match=r"An internal error \(RuntimeError\)") as raised:
        one_with_file.deliver(read_file=failing)
    assert person not in caplog.text + str(raised.value)
    assert raised.value.__suppress_context__
    assert one_with_file.statuses(INTEGRATIONS[0]) == {"ready": 1}
    _assert_nothing_sending_and_nothing_held(one_with_file)


def test_a_person_forgotten_while_a_request_was_on_the_wire_is_never_sent_without_a_body(
    one_with_file: ThreeLanes,
) -> None:
    with one_with_file.ledger.transaction() as conn:
        conn.execute(deliveries.update().values(payload=None))
    assert one_with_file.deliver().problems == []
    assert one_with_file.statuses(INTEGRATIONS[0]) == {"cancelled": 1}
    assert one_with_file.sandbox.stats()["creates_total"] == 0


def test_a_row_that_is_due_long_after_the_task_does_not_keep_it(desk: ThreeLanes) -> None:
    with desk.ledger.transaction() as conn:
        at = lane_states.now(conn)
        conn.execute(deliveries.update().values(not_before=at.replace(year=at.year + 1)))
    began = time.monotonic()
    assert desk.deliver(tuning=Tuning()).problems == []
    assert time.monotonic() - began < 300


def test_a_longer_pause_of_the_connection_is_not_cut_short_by_a_later_answer(desk: ThreeLanes) -> None:
    keeper = _group_commit(desk, "holder")

    def paused_for(seconds: float) -> float:
        keeper.announce_rate_pause(seconds)
        keeper.close([], [])
        with desk.ledger.transaction() as conn:
            return lane_states.own_status(conn, "k", EVERYWHERE).pause_seconds

    assert paused_for(57.0) == pytest.approx(57.0, abs=1)
    assert paused_for(5.0) == pytest.approx(57.0, abs=1)


def _opened(desk: ThreeLanes, holder: str) -> tuple[group_commit.GroupCommit, Lane]:
    """A holder, and the first lane in its hands."""
    options = SendOptions(RUN, holder, 1, 300.0)
    return _group_commit(desk, holder), open_lane(desk.ledger, Selection("s", "k"), options, INTEGRATIONS[0], 0.0)


def _group_commit(desk: ThreeLanes, holder: str) -> group_commit.GroupCommit:
    return group_commit.GroupCommit(
        desk.ledger, Selection("s", "k"), SendOptions(RUN, holder, 1, 300.0), BodyMemory(), time.monotonic
    )


def test_runs_that_are_stopped_before_any_answer_comes_cost_one_wave_and_then_a_probe_each(desk: ThreeLanes) -> None:
    desk.open_lanes()
    desk.sandbox.config(latency_seconds=600)
    hasty = replace(PATIENT, late_answers=0.0, wind_down=0.1)
    _stopped_once(desk, lambda done: min(_in_flight(desk)) >= 3, tuning=hasty)
    first_wave = desk.statuses(INTEGRATIONS[0])["in_doubt"]
    for _ in range(2):
        with desk.ledger.transaction() as conn:
            conn.execute(lanes.update().values(paused_until=None))
        before = sum(_in_flight(desk))
        # Of a shorter time-out, so that the first wave soon leaves room for a probe.
        _stopped_once(
            desk, lambda done, before=before: done or sum(_in_flight(desk)) > before, tuning=hasty, timeout_seconds=5.0
        )
    assert first_wave >= 3
    assert desk.statuses(INTEGRATIONS[0])["in_doubt"] <= first_wave + 2
