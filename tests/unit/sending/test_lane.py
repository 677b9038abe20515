"""What a lane learns from the answers to its requests, and what it tells the others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.ledger import DeliveryKey, LaneState, Status
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.leases import Lease
from kombo_provider.sending.decide import NOT_BEGUN, decide
from kombo_provider.sending.endings import Ending, Notice
from kombo_provider.sending.lane import Lane
from kombo_provider.sending.options import Tuning
from kombo_provider.sending.pacing import Breaker, Pace

TUNING = Tuning()
LEASE = Lease("k", "ats:a", 1, datetime(2026, 1, 1, tzinfo=UTC))
PAGE = Outcome(OutcomeClass.WAY_OR_ROW, http_status=403)
DONE = Outcome(OutcomeClass.EXECUTED, http_status=200)
REFUSED = Outcome(OutcomeClass.REJECTED, http_status=400, error_code="ATS.JOB_CLOSED")


@pytest.fixture
def lane() -> Lane:
    """A lane whose limit is known."""
    return Lane("ats:a", LEASE, 1e9, Pace(30, TUNING, limit_seen=30), Breaker(TUNING), TUNING)


def hear(lane: Lane, applicant: str, outcome: Outcome, *, again: bool = False) -> tuple[Status, Notice | None]:
    """Answer one request as the sender would; `again`: its last one met a page too."""
    key = DeliveryKey("s", "ats:a", applicant)
    intent = Intent(key, 1, "application", "job", "{}", False, 0, False, refused_on_the_way=again)
    lane.started()
    result = decide(intent, outcome, row_is_to_blame=lane.way.blames_row(intent, outcome))
    return result.status, lane.finished(intent, outcome, result.status, 1.0, began=0.5)


def test_a_page_instead_of_an_answer_refuses_no_row_and_puts_it_behind(lane: Lane) -> None:
    intent = Intent(DeliveryKey("s", "ats:a", "1"), 1, "application", "job", "{}", False, 0, False)
    result = decide(intent, PAGE)
    assert (result.status, result.goes_behind, result.error_code) == (Status.READY, True, "HTTP 403")


def test_three_different_rows_that_meet_a_page_block_the_lane(lane: Lane) -> None:
    for applicant in "12":
        assert hear(lane, applicant, PAGE) == (Status.READY, None)
    status, notice = hear(lane, "3", PAGE)
    assert (status, lane.ending, lane.code) == (Status.READY, Ending.WAY, "HTTP 403")
    assert notice is not None
    assert notice.state is LaneState.BLOCKED


@pytest.mark.parametrize("passing", [DONE, REFUSED])
def test_pages_between_answers_of_kombo_s_block_nothing(lane: Lane, passing: Outcome) -> None:
    for number in range(9):
        hear(lane, f"bad-{number}", PAGE)
        hear(lane, f"good-{number}", passing)
    assert lane.ending is None


def test_a_row_that_meets_a_page_again_after_others_passed_is_refused(lane: Lane) -> None:
    hear(lane, "1", PAGE)
    assert hear(lane, "1", PAGE, again=True)[0] is Status.READY
    lane.ending = None
    hear(lane, "2", DONE)
    assert hear(lane, "1", PAGE, again=True)[0] is Status.REJECTED


def test_a_row_that_met_a_page_in_an_earlier_run_is_refused_only_beside_others_that_pass(lane: Lane) -> None:
    hear(lane, "2", DONE)
    assert hear(lane, "1", PAGE, again=True)[0] is Status.REJECTED
    assert lane.ending is None


def test_the_only_row_of_a_lane_blocks_it_rather_than_being_refused(lane: Lane) -> None:
    hear(lane, "1", PAGE, again=True)
    status, notice = hear(lane, "1", PAGE, again=True)
    assert (status, lane.ending) == (Status.READY, Ending.WAY)
    assert notice is not None


def test_the_words_of_kombo_never_become_a_lane_s_code(lane: Lane) -> None:
    refusal = Outcome(OutcomeClass.INTEGRATION, http_status=401, error_title="Ada Lovelace <ada@example.org>")
    _, notice = hear(lane, "1", refusal)
    assert notice is not None
    assert (notice.code, lane.code) == ("HTTP 401", "HTTP 401")


@pytest.mark.parametrize("status", [Status.INVALID, Status.REJECTED, Status.CANCELLED])
def test_rows_that_are_settled_without_a_request_hold_up_no_other_and_prove_nothing(status: Status) -> None:
    lane = Lane("ats:a", LEASE, 1e9, Pace(30, TUNING, limit_seen=30), Breaker(TUNING, probing=True), TUNING)
    for number in range(50):
        key = DeliveryKey("s", "ats:a", str(number))
        lane.started()
        lane.finished(Intent(key, 1, "application", "job", "{}", False, 0, False), NOT_BEGUN, status, 1.0, began=1.0)
    assert lane.room(1.0) == 1, "it probes still, and at once"
