"""What each outcome class makes of a delivery."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kombo_provider.client.outcome import CreatedIds, Outcome, OutcomeClass
from kombo_provider.ledger import RETRYABLE_CODES_AT_MOST, Resolution, Status
from kombo_provider.sending.decide import ALREADY_EXISTS, BROKEN, decide, forgotten, interrupted, unsendable
from tests.unit.sending.intents import intent

REFUSED = Outcome(OutcomeClass.REJECTED, http_status=400, error_code="ATS.JOB_CLOSED", error_message="closed")
EXISTS = Outcome(OutcomeClass.REJECTED, http_status=409, error_code=ALREADY_EXISTS)
TRY_LATER = Outcome(OutcomeClass.RETRYABLE_CODE, http_status=503, error_code="REMOTE.SERVICE_UNAVAILABLE")


@pytest.mark.parametrize(
    ("outcome_class", "status"),
    [
        (OutcomeClass.EXECUTED, Status.DELIVERED),
        (OutcomeClass.NOT_BEGUN, Status.READY),
        (OutcomeClass.SAFE, Status.READY),
        (OutcomeClass.INTEGRATION, Status.READY),
        (OutcomeClass.WAY_OR_ROW, Status.READY),
        (OutcomeClass.RETRYABLE_CODE, Status.READY),
        (OutcomeClass.AMBIGUOUS, Status.IN_DOUBT),
        (OutcomeClass.REJECTED, Status.REJECTED),
    ],
)
def test_each_class_has_one_status(outcome_class: OutcomeClass, status: Status) -> None:
    assert decide(intent(), Outcome(outcome_class, http_status=400)).status is status


def test_every_class_is_decided_upon() -> None:
    statuses = {decide(intent(), Outcome(outcome_class, http_status=400)).status for outcome_class in OutcomeClass}
    assert statuses <= {Status.DELIVERED, Status.READY, Status.IN_DOUBT, Status.REJECTED}


def test_an_answer_s_ids_are_kept_and_only_a_nameless_application_keeps_the_digest() -> None:
    named = decide(intent(), Outcome(OutcomeClass.EXECUTED, ids=CreatedIds("app", "app-r", "cand", "cand-r")))
    assert (named.ids.kombo_application_id, named.ids.kombo_candidate_remote_id) == ("app", "cand-r")
    assert (named.resolution, named.keeps_digest) == (Resolution.RESPONSE, False)
    assert decide(intent(), Outcome(OutcomeClass.EXECUTED)).keeps_digest


def test_a_code_that_may_pass_is_tried_so_often_and_no_more() -> None:
    waits: list[float] = []
    tried = intent()
    for count in range(1, RETRYABLE_CODES_AT_MOST):
        result = decide(tried, TRY_LATER)
        assert (result.status, result.retryable_codes) == (Status.READY, count)
        waits.append(result.retry_after_seconds or 0.0)
        tried = replace(tried, retryable_codes=count)
    assert waits == sorted(waits)
    last = decide(tried, TRY_LATER)
    assert (last.status, last.retryable_codes) == (Status.REJECTED, RETRYABLE_CODES_AT_MOST)


def test_a_row_whose_resend_was_ordered_is_never_rejected() -> None:
    ordered = replace(intent(), ordered_resend=True)
    assert decide(ordered, REFUSED).status is Status.IN_DOUBT
    proven = decide(ordered, EXISTS)
    assert (proven.status, proven.resolution) == (Status.DELIVERED, Resolution.ALREADY_EXISTS)


def test_already_exists_after_a_retry_is_in_doubt_and_at_once_a_refusal() -> None:
    assert decide(intent(), EXISTS).status is Status.REJECTED
    assert decide(replace(intent(), retryable_codes=1), EXISTS).status is Status.IN_DOUBT


def test_a_refusal_without_a_code_is_called_by_its_status() -> None:
    assert decide(intent(), Outcome(OutcomeClass.REJECTED, http_status=422)).error_code == "HTTP 422"


def test_what_broke_off_or_was_interrupted_is_in_doubt() -> None:
    assert decide(intent(), BROKEN).status is interrupted(intent()).status is Status.IN_DOUBT


def test_a_row_that_cannot_be_built_names_its_field_and_a_forgotten_one_is_taken_out() -> None:
    unbuilt = unsendable(intent(), "attachments[0].path", "cannot be read")
    assert unbuilt.status is Status.INVALID
    assert json.loads(unbuilt.problems or "") == [{"field": "attachments[0].path", "problem": "cannot be read"}]
    assert forgotten(intent()).status is Status.CANCELLED
