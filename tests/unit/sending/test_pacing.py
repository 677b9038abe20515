"""How many requests a lane may have in flight: what opens and closes its breaker, what it waits for."""

from __future__ import annotations

import heapq
from datetime import UTC, datetime
from typing import Any

import pytest

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.ledger import DeliveryKey, Status
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.leases import Lease
from kombo_provider.sending.endings import Ending
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.options import Tuning
from kombo_provider.sending.pacing import Breaker, Pace, rate_pause_seconds

CAP, TUNING = 30, Tuning()
LEASE = Lease("k", "ats:a", 1, datetime(2026, 1, 1, tzinfo=UTC))
INTENT = Intent(DeliveryKey("s", "ats:a", "1"), 1, "application", "job", "{}", False, 0, False)
STATUS_OF = {OutcomeClass.EXECUTED: Status.DELIVERED, OutcomeClass.AMBIGUOUS: Status.IN_DOUBT}


class Requests:
    """A lane whose requests are answered by a script, in simulated time."""

    def __init__(self, lane: Lane) -> None:
        self.lane, self.now, self.doubts = lane, 0.0, 0
        self._on_wire: list[tuple[float, int, Outcome]] = []
        self._count = 0

    def send(self, seconds: float, outcome_class: OutcomeClass) -> None:
        self.lane.started()
        self._count += 1
        status = 200 if outcome_class is OutcomeClass.EXECUTED else 500
        answer = Outcome(outcome_class, http_status=status, duration_seconds=seconds)
        heapq.heappush(self._on_wire, (self.now + seconds, self._count, answer))

    def step(self) -> bool:
        """Go on to the next answer or the end of a wait; False where nothing will ever come."""
        times = [at for at in (self.lane.next_change(self.now), *(x[0] for x in self._on_wire[:1])) if at is not None]
        if not times or (self.lane.ending is not None and not self._on_wire):
            return False
        self.now = min(times)
        while self._on_wire and self._on_wire[0][0] <= self.now:
            _, _, answer = heapq.heappop(self._on_wire)
            status = STATUS_OF[answer.outcome_class]
            self.doubts += status is Status.IN_DOUBT
            self.lane.finished(INTENT, answer, status, self.now, began=self.now - answer.duration_seconds)
        return True


def _lane(**breaker: Any) -> Lane:
    lane = Lane("ats:a", LEASE, 1e9, Pace(CAP, TUNING, limit_seen=CAP), Breaker(TUNING, **breaker), TUNING)
    lane.pace.on_outcome(Outcome(OutcomeClass.EXECUTED, http_status=200), 1, 0.0)  # proven: the whole cap at once
    return lane


def test_slow_successes_from_before_an_outage_do_not_end_its_pause() -> None:
    requests = Requests(_lane())
    for number in range(10):
        requests.send(20.0 + 28 * number, OutcomeClass.EXECUTED)
    first_pause: float | None = None
    while requests.now < 900 and requests.lane.ending is None:
        room = requests.lane.room(requests.now)
        if first_pause is not None:
            assert room <= 1, f"a wave of {room} at {requests.now:.0f} s in an outage since {first_pause:.1f} s"
        for _ in range(room):
            requests.send(0.2, OutcomeClass.AMBIGUOUS)
        assert requests.step()
        if requests.lane.breaker.probing and first_pause is None:
            first_pause = requests.now
    assert requests.doubts <= CAP


def test_a_slow_success_after_an_outage_stopped_the_lane_leaves_it_paused() -> None:
    requests = Requests(_lane())
    requests.send(5.0, OutcomeClass.EXECUTED)
    requests.lane.pace.cap = 5
    for _ in range(5):
        requests.send(1.0, OutcomeClass.AMBIGUOUS)
    while requests.step():
        pass
    assert requests.lane.ending is Ending.PAUSED
    assert requests.lane.breaker.probing
    assert requests.lane.breaker.paused_until > TUNING.outage_pause


def test_the_success_of_a_probe_opens_the_lane_at_once() -> None:
    lane = _lane(probing=True)
    assert lane.room(10.0) == 1
    requests = Requests(lane)
    requests.now = 10.0
    requests.send(1.0, OutcomeClass.EXECUTED)
    assert lane.room(10.5) == 0
    requests.step()
    assert lane.room(11.0) > 1


def test_a_429_that_lowers_the_limit_is_no_outage() -> None:
    lane = _lane(probing=True)
    lane.opened_to_probe = True
    lane.started()
    refusal = Outcome(
        OutcomeClass.SAFE, http_status=429, error_code="PLATFORM.CONCURRENCY_LIMIT_EXCEEDED", concurrency_limit=10
    )
    lane.finished(INTENT, refusal, Status.READY, 1.0, began=0.9)
    assert lane.ending is None
    assert lane.pace.cap == 10


def test_a_failed_probe_of_a_task_that_found_the_lane_stopped_ends_the_try() -> None:
    requests = Requests(_lane(probing=True))
    requests.lane.opened_to_probe = True
    requests.send(0.2, OutcomeClass.AMBIGUOUS)
    requests.step()
    assert requests.lane.ending is Ending.PAUSED
    assert requests.doubts == 1


@pytest.mark.parametrize(
    ("former", "expected"), [(0.0, 900.0), (240.0, 900.0), (899.5, 1799.0), (7200.0, 14_400.0), (14_400.0, 14_400.0)]
)
def test_each_failed_probe_after_an_outage_doubles_the_pause_up_to_four_hours(former: float, expected: float) -> None:
    breaker = Breaker(TUNING, probing=True, former_pause=former)
    breaker.outage(100.0)
    assert breaker.paused_until - 100.0 == expected


@pytest.mark.parametrize(
    ("outcome", "pause"),
    [
        (Outcome(OutcomeClass.SAFE, http_status=429, account_wide=True, pause_seconds=57.0), 57.0),
        (Outcome(OutcomeClass.SAFE, http_status=429, account_wide=True), 5.0),
        (Outcome(OutcomeClass.SAFE, http_status=429), None),
        (Outcome(OutcomeClass.EXECUTED, http_status=200, ratelimit_remaining=1, ratelimit_reset_seconds=9.0), 9.0),
        (Outcome(OutcomeClass.EXECUTED, http_status=200, ratelimit_remaining=1), None),
        (Outcome(OutcomeClass.EXECUTED, http_status=200, ratelimit_remaining=99, ratelimit_reset_seconds=9.0), None),
        (Outcome(OutcomeClass.EXECUTED, http_status=200, ratelimit_remaining=0, ratelimit_reset_seconds=86e3), 3600.0),
    ],
)
def test_a_rate_limit_that_is_used_up_or_nearly_so_pauses_the_connection_for_an_hour_at_most(
    outcome: Outcome, pause: float | None
) -> None:
    assert rate_pause_seconds(outcome) == pause


def test_intents_that_come_too_late_for_the_wire_are_tried_again_after_a_wait_that_grows_by_the_wave() -> None:
    lane = _lane()
    withdrawn = Outcome(OutcomeClass.NOT_BEGUN)
    for _ in range(CAP):
        lane.started()
    for _ in range(CAP):
        lane.finished(INTENT, withdrawn, Status.READY, 0.0, began=0.0)
    first = lane.next_change(0.0)
    assert first is not None
    assert 0 < first < 1
    lane.started()
    lane.finished(INTENT, withdrawn, Status.READY, first, began=first)
    second = lane.next_change(first)
    assert second is not None
    assert second - first > first


@pytest.mark.parametrize(("seconds", "ahead"), [(0.01, CAP), (0.05, 21), (0.5, 2), (2.0, 0), (20.0, 0)])
def test_where_a_request_takes_seconds_no_row_is_committed_that_a_kill_would_put_in_doubt_unsent(
    seconds: float, ahead: int
) -> None:
    pace = Pace(CAP, TUNING, limit_seen=CAP)
    pace.on_outcome(Outcome(OutcomeClass.EXECUTED, http_status=200, duration_seconds=seconds), CAP, 0.0)
    assert pace.answers_within(TUNING.ahead, CAP) == ahead
