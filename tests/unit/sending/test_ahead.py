"""Intents that are committed before a connection is free for them: what may follow an answer, and what may not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.ledger._tables import deliveries, delivery_events
from kombo_provider.ledger.leases import Lease
from kombo_provider.sending.ahead import Ahead
from kombo_provider.sending.body_memory import BodyMemory
from kombo_provider.sending.file_reads import FileReads
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.pacing import Breaker, Pace
from kombo_provider.sending.requester import Requester
from tests.unit.sending.conftest import CAP, QUICK, Desk, ScriptedClient, delivered
from tests.unit.sending.intents import intent
from tests.waiting import PATIENCE_SECONDS

LEASE = Lease("k", "ats:a", 1, datetime(2026, 1, 1, tzinfo=UTC))
SUCCESS = Outcome(OutcomeClass.EXECUTED, http_status=200, concurrency_limit=2)


@pytest.fixture
def ahead() -> Ahead:
    """Two requests on the wire, and three intents that wait."""
    made = Ahead()
    for number in range(5):
        made.add(intent(str(number)), 10.0)
    begun = made.begin(2, has_more=True)
    assert [waiting.intent.key.applicant_id for waiting in begun] == ["0", "1"]
    return made


def test_a_success_is_followed_by_the_next_intent_without_the_sender(ahead: Ahead) -> None:
    followed = [ahead.follow(SUCCESS) for _ in range(3)]
    assert [waiting.intent.key.applicant_id for waiting in followed if waiting] == ["2", "3", "4"]
    assert (ahead.on_wire, ahead.peak_on_wire, len(ahead)) == (2, 2, 0)


@pytest.mark.parametrize(
    "answer",
    [
        Outcome(OutcomeClass.AMBIGUOUS),
        Outcome(OutcomeClass.SAFE, http_status=429),
        Outcome(OutcomeClass.INTEGRATION, http_status=401),
        Outcome(OutcomeClass.RETRYABLE_CODE, http_status=503),
        Outcome(OutcomeClass.WAY_OR_ROW, http_status=403),
        Outcome(OutcomeClass.REJECTED, http_status=400),
        Outcome(OutcomeClass.NOT_BEGUN),
        Outcome(OutcomeClass.EXECUTED, http_status=200, concurrency_limit=1),
        Outcome(OutcomeClass.EXECUTED, http_status=200, ratelimit_remaining=1, ratelimit_reset_seconds=60.0),
    ],
)
def test_nothing_follows_an_answer_that_may_change_the_lane_until_the_sender_has_looked(
    ahead: Ahead, answer: Outcome
) -> None:
    assert ahead.follow(answer) is None
    assert ahead.needs_sender
    assert ahead.follow(SUCCESS) is None, "nor one that comes after it"
    assert ahead.on_wire == 0
    assert len(ahead.begin(2, has_more=True)) == 2


def test_a_lower_limit_lets_requests_end_before_the_next_begins(ahead: Ahead) -> None:
    assert ahead.begin(1, has_more=True) == []
    assert ahead.follow(SUCCESS) is None
    assert ahead.follow(SUCCESS) is not None
    assert ahead.on_wire == 1


def test_an_idle_connection_calls_for_the_sender_only_while_rows_are_left(ahead: Ahead) -> None:
    ahead.take_back()
    assert ahead.follow(SUCCESS) is None
    assert ahead.needs_sender
    ahead.begin(2, has_more=False)
    assert not ahead.needs_sender


def test_what_waits_for_too_long_is_stale_and_is_taken_back_whole(ahead: Ahead) -> None:
    assert not ahead.is_stale(9.9)
    assert ahead.is_stale(10.0)
    assert len(ahead.take_back()) == 3
    assert not ahead.is_stale(10.0)
    assert ahead.follow(SUCCESS) is None


def test_a_free_connection_takes_its_next_row_without_waiting_for_a_commit() -> None:
    lane = Lane("ats:a", LEASE, 1e9, Pace(1, QUICK, limit_seen=1), Breaker(QUICK), QUICK)
    client, files = ScriptedClient(), FileReads(lambda _: b"", within_seconds=PATIENCE_SECONDS)
    requester = Requester(client, files, BodyMemory(), stop=threading.Event())
    for number in range(3):
        lane.ahead.add(intent(str(number)), 1e9)
    (first,) = lane.ahead.begin(1, has_more=True)
    requester.serve(lane, first)
    assert len(client.asked) == requester.answers.qsize() == 3
    assert requester.hurry.is_set(), "the sender should claim more"


def test_never_more_than_two_caps_are_committed_at_once(desk: Desk) -> None:
    desk.stage(*(str(number) for number in range(60)))
    most: list[int] = []

    def answer(job_id: str) -> Outcome:
        most.append(list(desk.statuses().values()).count("sending"))
        return delivered(job_id)

    desk.client.answer = answer
    desk.send("ats:a")
    assert CAP < max(most) <= 2 * CAP, "a wave on the wire, and at most one that waits"


def test_intents_that_wait_when_the_lane_stops_are_given_back_unsent(desk: Desk) -> None:
    desk.stage(*(str(number) for number in range(60)))
    refusal = Outcome(OutcomeClass.INTEGRATION, http_status=401, error_code="INTEGRATION.AUTHENTICATION_INVALID")
    desk.client.answer = lambda job_id: delivered(job_id) if len(desk.client.asked) < 30 else refusal
    desk.send("ats:a")
    statuses = desk.statuses()
    asked = {job_id for _, job_id in desk.client.asked}
    assert set(statuses.values()) == {"delivered", "ready"}
    assert {key for key, status in statuses.items() if status == "delivered"} < asked
    assert len(asked) <= 30 + CAP
    with desk.ledger.transaction() as conn:
        attempts = conn.scalar(select(func.sum(deliveries.c.attempts)))
        intents = conn.scalar(
            select(func.count()).select_from(delivery_events).where(delivery_events.c.to_status == "sending")
        )
    assert attempts == intents
