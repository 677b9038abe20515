"""What an outcome means for a delivery: one pure function, one branch for each class."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from kombo_provider.client.outcome import Outcome, OutcomeClass
from kombo_provider.ledger import RETRYABLE_CODES_AT_MOST, Resolution, Status
from kombo_provider.ledger.claims import Intent
from kombo_provider.ledger.kombo_ids import KomboIds
from kombo_provider.ledger.results import Result

ALREADY_EXISTS: Final = "ATS.APPLICATION_ALREADY_EXISTS"
RETRYABLE_CODE_WAITS_SECONDS: Final = (20.0, 90.0)


NOT_BEGUN: Final = Outcome(OutcomeClass.NOT_BEGUN)
"""Stands for an intent that was given back before a byte of its request left."""


BROKEN: Final = Outcome(OutcomeClass.AMBIGUOUS, error_title="Internal error of the provider")
"""Stands for a request that a fault of ours broke off after its first byte."""


def decide(intent: Intent, outcome: Outcome, *, row_is_to_blame: bool = False) -> Result:
    """Turn the outcome of a request into the delivery's next status.

    A row whose doubt someone ordered to be resent never becomes `rejected`: a refusal says nothing about the
    request that is in doubt, but that the ATS already has the application proves it. `row_is_to_blame` says of a page
    instead of Kombo's answer that other rows pass.
    """
    if outcome.outcome_class is OutcomeClass.EXECUTED:
        return _delivered(intent, outcome)
    if outcome.outcome_class is OutcomeClass.NOT_BEGUN:
        return Result(intent=intent, status=Status.READY)
    if outcome.outcome_class in (OutcomeClass.SAFE, OutcomeClass.INTEGRATION):
        return _result(intent, outcome, Status.READY)
    if outcome.outcome_class is OutcomeClass.AMBIGUOUS:
        return _in_doubt(intent, outcome)
    if outcome.outcome_class is OutcomeClass.WAY_OR_ROW and not row_is_to_blame:
        return replace(_result(intent, outcome, Status.READY), error_code=_code(outcome), goes_behind=True)
    # Somebody ordered this request while an earlier one is in doubt: only a proof ends that doubt (contract, P1).
    if intent.ordered_resend:
        if outcome.error_code == ALREADY_EXISTS:
            proven = _result(intent, outcome, Status.DELIVERED)
            return replace(proven, resolution=Resolution.ALREADY_EXISTS, keeps_digest=True)
        return _in_doubt(intent, outcome)
    if outcome.outcome_class is OutcomeClass.RETRYABLE_CODE:
        return _retry(intent, outcome)
    # The request before this one failed at the ATS with a code that is safe to repeat, and may have made it after all.
    if outcome.error_code == ALREADY_EXISTS and intent.retryable_codes:
        return _in_doubt(intent, outcome)
    return _rejected(intent, outcome)


def unsendable(intent: Intent, field: str, problem: str) -> Result:
    """Give back an intent whose request could not be built: nothing was sent, the row is `invalid`."""
    return Result(intent=intent, status=Status.INVALID, problems=json.dumps([{"field": field, "problem": problem}]))


def foretold(intent: Intent, outcome: Outcome) -> Result:
    """Give an intent the answer that is known without a request: it took no time, and proves nothing of the lane."""
    return replace(decide(intent, outcome), duration_ms=None)


def forgotten(intent: Intent) -> Result:
    """Take out a row whose person was forgotten while an earlier request was on the wire: it has nothing to send."""
    return Result(intent=intent, status=Status.CANCELLED, resolution=Resolution.HUMAN)


def interrupted(intent: Intent) -> Result:
    """Give up waiting for an answer: the request may have been executed."""
    outcome = Outcome(OutcomeClass.AMBIGUOUS, error_title="The task was stopped before an answer came")
    return decide(intent, outcome)


def _retry(intent: Intent, outcome: Outcome) -> Result:
    count = intent.retryable_codes + 1
    if count >= RETRYABLE_CODES_AT_MOST:
        return replace(_rejected(intent, outcome), retryable_codes=count)
    wait = outcome.pause_seconds or RETRYABLE_CODE_WAITS_SECONDS[count - 1]
    return replace(_result(intent, outcome, Status.READY), retryable_codes=count, retry_after_seconds=wait)


def _rejected(intent: Intent, outcome: Outcome) -> Result:
    return replace(_result(intent, outcome, Status.REJECTED), error_code=_code(outcome))


def _code(outcome: Outcome) -> str:
    """Return what the refusal is called, also where Kombo gave it no code."""
    return outcome.error_code or f"HTTP {outcome.http_status}"


def _in_doubt(intent: Intent, outcome: Outcome) -> Result:
    return replace(_result(intent, outcome, Status.IN_DOUBT), ordered_resend=False)


def _delivered(intent: Intent, outcome: Outcome) -> Result:
    """Keep the answer's ids; where it has none, what the application can be found by once the payload is gone."""
    ids = outcome.ids
    unknown = ids.application_id is None
    return replace(
        _result(intent, outcome, Status.DELIVERED),
        resolution=Resolution.RESPONSE,
        keeps_digest=unknown,
        ids=KomboIds(
            kombo_application_id=ids.application_id,
            kombo_application_remote_id=ids.application_remote_id,
            kombo_candidate_id=ids.candidate_id,
            kombo_candidate_remote_id=ids.candidate_remote_id,
        ),
    )


def _result(intent: Intent, outcome: Outcome, status: Status) -> Result:
    """Give the row a status, with everything that the answer said."""
    return Result(
        intent=intent,
        status=status,
        http_status=outcome.http_status,
        error_code=outcome.error_code,
        error_title=outcome.error_title,
        error_message=outcome.error_message,
        log_url=outcome.log_url,
        warnings=json.dumps(outcome.warnings, ensure_ascii=False) if outcome.warnings else None,
        duration_ms=round(outcome.duration_seconds * 1000),
    )
