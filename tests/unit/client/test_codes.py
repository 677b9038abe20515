"""Every code of Kombo's, and every status without one, leads to its class (Kombo docs: guides/errors)."""

from __future__ import annotations

import json

import pytest

from kombo_provider.client.advice import advice
from kombo_provider.client.codes import CLASS_OF_CODE
from kombo_provider.client.outcome import Outcome, OutcomeClass, classify_answer
from tests.unit.client.scripted_server import error

CODES = {
    "PLATFORM.RATE_LIMIT_EXCEEDED": "S",
    "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED": "S",
    "PLATFORM.INPUT_INVALID": "R",
    "PLATFORM.INTEGRATION_NOT_FOUND": "I",
    "PLATFORM.AUTHENTICATION_INVALID": "I",
    "PLATFORM.IP_NOT_WHITELISTED": "I",
    "PLATFORM.TASK_TIMED_OUT": "A",
    "PLATFORM.UNKNOWN_ERROR": "A",
    "INTEGRATION.PERMISSION_MISSING": "I",
    "INTEGRATION.AUTHENTICATION_INVALID": "I",
    "INTEGRATION.INACTIVE": "I",
    "INTEGRATION.SETUP_INCOMPLETE": "I",
    "INTEGRATION.SETUP_SYNC_PENDING": "I",
    "INTEGRATION.QA_FAILED": "I",
    "INTEGRATION.ACTION_NOT_AVAILABLE": "I",
    "INTEGRATION.ACTION_DISABLED": "I",
    "INTEGRATION.MODEL_NOT_AVAILABLE": "I",
    "INTEGRATION.MODEL_DISABLED": "I",
    "REMOTE.RATE_LIMIT_EXCEEDED": "V",
    "REMOTE.SERVICE_UNAVAILABLE": "V",
    "REMOTE.INPUT_INVALID": "R",
    "REMOTE.UNKNOWN_HTTP_ERROR": "A",
    "ATS.JOB_CLOSED": "R",
    "ATS.APPLICATION_ALREADY_EXISTS": "R",
}
ACCOUNT_WIDE = {
    "PLATFORM.RATE_LIMIT_EXCEEDED",
    "PLATFORM.AUTHENTICATION_INVALID",
    "PLATFORM.IP_NOT_WHITELISTED",
}


def judge(http_status: int, body: object) -> Outcome:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify_answer(http_status, {}, content, "application", "job")


def test_the_table_holds_exactly_the_codes_that_kombo_documents() -> None:
    assert {code: str(kind) for code, kind in CLASS_OF_CODE.items()} == CODES


# Statuses may change, says Kombo: the code decides, also on a 200.
@pytest.mark.parametrize("http_status", [200, 400, 401, 403, 409, 429, 500, 503])
@pytest.mark.parametrize("code", CODES)
def test_a_known_code_decides_whatever_the_status(code: str, http_status: int) -> None:
    outcome = judge(http_status, error(code, title="t", log_url="https://log"))

    assert outcome.outcome_class == CODES[code]
    assert outcome.account_wide is (code in ACCOUNT_WIDE)
    assert (outcome.error_code, outcome.error_title, outcome.error_message) == (code, "t", "m")
    assert (outcome.http_status, outcome.log_url) == (http_status, "https://log")


NO_CODE = [
    (100, "A"), (103, "A"), (201, "A"), (202, "A"), (204, "A"),
    (300, "A"), (304, "A"),
    (301, "I"), (302, "I"), (303, "I"), (307, "I"), (308, "I"),
    (400, "R"), (402, "R"), (403, "R"), (404, "R"), (405, "R"), (409, "R"), (410, "R"),
    (413, "R"), (415, "R"), (422, "R"), (451, "R"), (499, "R"),
    (401, "I"), (408, "A"), (429, "S"),
    (500, "A"), (501, "A"), (502, "A"), (503, "A"), (504, "A"), (520, "A"), (599, "A"), (999, "A"),
]  # fmt: skip


@pytest.mark.parametrize(
    "body", [b"", b"<html>load balancer</html>", b'{"message": "no"}', b"[]", b"null", b"\xff\xfe"]
)
@pytest.mark.parametrize(("http_status", "expected"), NO_CODE)
def test_without_an_envelope_the_status_decides(http_status: int, expected: str, body: bytes) -> None:
    outcome = judge(http_status, body)
    somewhere_on_the_way = expected == "R" and http_status != 413

    assert outcome.outcome_class == ("way or row" if somewhere_on_the_way else expected)
    assert outcome.account_wide is (http_status in (301, 302, 303, 307, 308, 401, 429))
    assert outcome.error_code is None
    assert str(http_status) in (outcome.error_title or "")


@pytest.mark.parametrize("code", [None, "PLATFORM.NEW_THING", "REMOTE.NEW_THING", 5, "", [], {}])
@pytest.mark.parametrize(("http_status", "expected"), NO_CODE)
def test_an_unknown_or_missing_code_is_judged_by_its_status(http_status: int, expected: str, code: object) -> None:
    assert judge(http_status, error(code)).outcome_class == expected


def test_a_503_is_ambiguous_unless_a_code_says_more() -> None:
    assert judge(503, b"<html>").outcome_class is OutcomeClass.AMBIGUOUS
    assert judge(503, error(None)).outcome_class is OutcomeClass.AMBIGUOUS
    assert judge(503, error("REMOTE.SERVICE_UNAVAILABLE")).outcome_class is OutcomeClass.RETRYABLE_CODE


@pytest.mark.parametrize("http_status", [301, 302, 303, 307, 308])
def test_a_redirect_says_that_the_base_url_is_wrong(http_status: int) -> None:
    outcome = judge(http_status, b"")

    assert outcome.error_code is None
    assert "base URL" in (outcome.error_title or "")


@pytest.mark.parametrize("code", [code for code, kind in CODES.items() if kind == "I"])
def test_every_code_that_stops_a_lane_has_its_own_advice(code: str) -> None:
    unknown = Outcome(OutcomeClass.INTEGRATION, http_status=409)

    assert advice(Outcome(OutcomeClass.INTEGRATION, http_status=409, error_code=code)) != advice(unknown)
