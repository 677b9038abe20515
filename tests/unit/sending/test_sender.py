"""The loop around the ledger: what is on the wire, what is recorded, and how it ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.errors import LanePausedError, LedgerError
from kombo_provider.ledger import Ledger, leases
from kombo_provider.ledger.leases import Lease
from kombo_provider.sending.endings import Ending
from kombo_provider.sending.options import TaskTime
from tests.unit.sending.conftest import CAP, RUN, Desk, delivered
from tests.waiting import wait_until


def test_each_due_row_is_sent_once_and_recorded_and_the_lanes_are_given_back(desk: Desk) -> None:
    desk.stage(*"abcdefghi", lane="ats:a")
    desk.stage(*"jkl", lane="ats:b")
    lanes = desk.send("ats:a", "ats:b")
    assert set(desk.statuses().values()) == {"delivered"}
    assert set(Counter(desk.client.asked).values()) == {1}
    assert [lane.ending for lane in lanes] == [Ending.DONE, Ending.DONE]
    assert max(lane.ahead.peak_on_wire for lane in lanes) <= CAP
    assert desk.holders() == {None}


def test_a_lane_that_is_done_is_free_while_the_task_still_sends_on_another(desk: Desk) -> None:
    desk.stage(*(f"{number}" for number in range(40)), lane="ats:a")
    desk.stage("x", lane="ats:b")
    taken: list[Lease] = []

    def take_the_other_lane() -> bool:
        with desk.ledger.transaction() as conn:
            lease = None if taken else leases.acquire(conn, "k", "ats:b", "another task", RUN)
        taken.extend([lease] if lease else [])
        return bool(taken)

    def answer(job_id: str) -> Outcome:
        if job_id == "39":
            wait_until(take_the_other_lane)
        return delivered(job_id)

    desk.client.answer = answer
    lanes = desk.send("ats:a", "ats:b")
    assert taken, "the lane was kept until the task's end"
    assert [lane.ending for lane in lanes] == [Ending.DONE, Ending.DONE]
    assert set(desk.statuses().values()) == {"delivered"}
    assert desk.holders() == {None, "another task"}


def test_a_bug_of_ours_stops_the_sending_and_leaves_only_begun_rows_in_doubt(desk: Desk) -> None:
    desk.stage(*"abcdefghi")

    def fail(job_id: str) -> Outcome:
        raise RuntimeError(job_id)

    desk.client.answer = fail
    with pytest.raises(LanePausedError, match="internal error") as failure:
        desk.send("ats:a")
    assert "RuntimeError" in str(failure.value)
    begun = {job_id for _, job_id in desk.client.asked}
    assert {key for key, status in desk.statuses().items() if status == "in_doubt"} == begun
    assert set(desk.statuses().values()) == {"in_doubt", "ready"}


def test_a_refused_key_stops_every_lane_of_the_task(desk: Desk) -> None:
    desk.stage(*"abcdefghi", lane="ats:a")
    desk.stage(*"jklmnopqr", lane="ats:b")
    code = "PLATFORM.AUTHENTICATION_INVALID"
    desk.client.answer = lambda _: Outcome(OutcomeClass.INTEGRATION, 401, error_code=code, account_wide=True)
    lanes = desk.send("ats:a", "ats:b")
    assert [(lane.ending, lane.code) for lane in lanes] == [(Ending.BLOCKED, code)] * 2
    assert set(desk.statuses().values()) == {"ready"}
    assert len(desk.client.asked) <= 2 * CAP


def test_the_end_of_the_turn_leaves_the_rest_and_waits_for_what_is_on_the_wire(desk: Desk) -> None:
    desk.stage(*(f"{number}" for number in range(60)))
    desk.options = replace(desk.options, time=TaskTime(0.1))

    def slowly(job_id: str) -> Outcome:
        time.sleep(0.05)
        return delivered(job_id)

    desk.client.answer = slowly
    (lane,) = desk.send("ats:a")
    assert lane.ending is Ending.LEFT
    counts = Counter(desk.statuses().values())
    assert counts["delivered"] == len(desk.client.asked)
    assert counts["ready"] == 60 - len(desk.client.asked) > 0


def test_a_stop_puts_what_is_on_the_wire_in_doubt_and_a_late_answer_ends_the_doubt(desk: Desk) -> None:
    desk.stage(*"abcdefghi")
    seen_meanwhile: list[dict[str, str]] = []

    def stop_and_answer_late(job_id: str) -> Outcome:
        desk.stop.set()
        wait_until(lambda: "sending" not in desk.statuses().values())
        seen_meanwhile.append(desk.statuses())
        return delivered(job_id)

    desk.client.answer = stop_and_answer_late
    (lane,) = desk.send("ats:a")
    assert lane.ending is Ending.STOPPED
    begun = {job_id for _, job_id in desk.client.asked}
    assert begun
    assert {seen_meanwhile[0][key] for key in begun} == {"in_doubt"}
    assert {key for key, status in desk.statuses().items() if status == "delivered"} == begun


def test_answers_that_cannot_be_committed_are_kept_and_committed_when_the_ledger_is_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.stage("a")
    transaction, failures = Ledger.transaction, iter((True, True))

    @contextmanager
    def away_twice(self: Ledger) -> Iterator[Connection]:
        if next(failures, False):
            raise LedgerError("The ledger is away")
        with transaction(self) as conn:
            yield conn

    def answer_while_the_ledger_goes_away(job_id: str) -> Outcome:
        monkeypatch.setattr(Ledger, "transaction", away_twice)
        return delivered(job_id)

    desk.client.answer = answer_while_the_ledger_goes_away
    desk.send("ats:a")
    assert next(failures, None) is None
    assert desk.statuses() == {"a": "delivered"}
    assert len(desk.client.asked) == 1


_REFUSE_TEXTS = """
CREATE FUNCTION refuse_texts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.error_message IS NOT NULL THEN RAISE EXCEPTION 'character not supported'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_texts BEFORE UPDATE ON kombo_deliveries FOR EACH ROW EXECUTE FUNCTION refuse_texts();
"""


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_answer_whose_text_the_database_refuses_is_stored_without_it_and_the_others_go_on(desk: Desk) -> None:
    desk.stage(*"abcdef")
    with desk.ledger.transaction() as conn:
        conn.exec_driver_sql(_REFUSE_TEXTS)
    refused = Outcome(OutcomeClass.REJECTED, 400, error_code="ATS.JOB_CLOSED", error_message="→")
    desk.client.answer = lambda job_id: refused if job_id == "a" else delivered(job_id)
    desk.send("ats:a")
    assert desk.statuses() == {"a": "rejected"} | dict.fromkeys("bcdef", "delivered")
    assert len(desk.client.asked) == 6
