"""One transaction for many answers and intents: what it claims, whom it believes, and what it takes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from kombo_provider.errors import LedgerError
from kombo_provider.ledger import EVERYWHERE, LaneState, lane_states, leases
from kombo_provider.sending.body_memory import BodyMemory
from kombo_provider.sending.decide import decide
from kombo_provider.sending.endings import Ending, Notice
from tests.unit.sending.conftest import CAP, RUN, Desk, delivered


def test_it_claims_as_much_as_the_lanes_have_room_for(desk: Desk) -> None:
    desk.stage(*"abcdefghi")
    (lane,) = desk.open("ats:a")
    claimed = desk.group_commit().commit([], [lane], ())
    assert 0 < len(claimed) == lane.in_flight <= CAP
    assert sorted(desk.statuses().values()).count("sending") == len(claimed)


def test_an_answer_and_the_next_claim_are_one_commit(desk: Desk) -> None:
    desk.stage(*"abcdefghi")
    (lane,) = desk.open("ats:a")
    group_commit = desk.group_commit()
    first, *others = group_commit.commit([], [lane], ())
    outcome = delivered("a")
    result = decide(first[1], outcome)
    lane.finished(first[1], outcome, result.status, 1.0, began=0.0)
    next_ones = group_commit.commit([result], [lane], [intent.key for _, intent in others])
    assert next_ones
    assert desk.statuses()[first[1].key.applicant_id] == "delivered"


def test_a_lane_that_somebody_else_took_over_claims_nothing_and_ends(desk: Desk) -> None:
    desk.stage("a")
    (lane,) = desk.open("ats:a")
    with desk.ledger.transaction() as conn:
        conn.exec_driver_sql("UPDATE kombo_lanes SET lease_holder = 'another', lease_epoch = lease_epoch + 1")
    assert desk.group_commit().commit([], [lane], ()) == []
    assert lane.ending is Ending.LOST
    assert desk.statuses() == {"a": "ready"}


def test_a_drain_in_the_ledger_stops_the_next_claim(desk: Desk) -> None:
    desk.stage("a")
    (lane,) = desk.open("ats:a")
    with desk.ledger.transaction() as conn:
        lane_states.set_state(conn, "k", EVERYWHERE, LaneState.DRAINED)
    assert desk.group_commit().commit([], [lane], ()) == []
    assert lane.ending is Ending.DRAINED


def test_full_memory_claims_nothing(desk: Desk) -> None:
    desk.stage("a")
    lanes = desk.open("ats:a")
    group_commit = desk.group_commit(BodyMemory(at_most=0))
    assert not group_commit.has_room()
    assert group_commit.commit([], lanes, ()) == []


def test_claims_of_a_commit_whose_answer_was_lost_are_taken_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.stage("a", "b")
    lanes = desk.open("ats:a")
    group_commit, transaction = desk.group_commit(), desk.ledger.transaction

    @contextmanager
    def loses_the_answer() -> Iterator[Connection]:
        with transaction() as conn:
            yield conn
        raise LedgerError("connection lost")

    with monkeypatch.context() as losing:
        losing.setattr(desk.ledger, "transaction", loses_the_answer)
        with pytest.raises(LedgerError):
            group_commit.commit([], lanes, ())
    assert set(desk.statuses().values()) == {"sending"}
    group_commit.commit([], lanes, (), claim=False)
    assert set(desk.statuses().values()) == {"ready"}


def test_a_notice_reaches_the_ledger_with_the_next_commit(desk: Desk) -> None:
    desk.stage("a")
    lanes = desk.open("ats:a")
    group_commit = desk.group_commit()
    group_commit.announce(Notice("ats:a", LaneState.BLOCKED, "ATS.X", "https://kombo.example/log", 0.0, 0, False))
    group_commit.commit([], lanes, (), claim=False)
    with desk.ledger.transaction() as conn:
        status = lane_states.own_status(conn, "k", "ats:a")
    assert (status.state, status.code) == (LaneState.BLOCKED, "ATS.X")


def test_a_rate_pause_is_told_to_the_whole_connection_and_a_shorter_one_does_not_shorten_it(desk: Desk) -> None:
    desk.stage("a")
    lanes = desk.open("ats:a")
    group_commit = desk.group_commit()
    for seconds in (60.0, 5.0):
        group_commit.announce_rate_pause(seconds)
        group_commit.announce(Notice("ats:a", LaneState.OPEN, None, None, 0.0, 0, False))
        group_commit.commit([], lanes, (), claim=False)
    with desk.ledger.transaction() as conn:
        status = lane_states.own_status(conn, "k", EVERYWHERE)
        assert status.pause_seconds > 50
    assert status.state is LaneState.PAUSED


def test_closing_gives_back_claims_and_lanes(desk: Desk) -> None:
    desk.stage("a", "b")
    lanes = desk.open("ats:a")
    group_commit = desk.group_commit()
    ((_, answered), *_) = group_commit.commit([], lanes, ())
    group_commit.close([decide(answered, delivered("x"))], lanes)
    assert sorted(desk.statuses().values()) == ["delivered", "ready"]
    with desk.ledger.transaction() as conn:
        assert leases.acquire(conn, "k", "ats:a", "another", RUN) is not None
