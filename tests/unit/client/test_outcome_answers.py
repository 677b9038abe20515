"""No answer makes the client raise, and a success stays a success."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kombo_provider.client.outcome import CreatedIds, Outcome, OutcomeClass, classify_answer
from tests.unit.client.scripted_server import error, success

DATA = {
    "id": "app",
    "remote_id": "r-app",
    "candidate_id": "cand",
    "candidate": {"id": "cand", "remote_id": "r-cand"},
    "outcome": "SOMETHING_NEW",
}


def judge(http_status: int, body: object, headers: dict[str, str] | None = None, **options: Any) -> Outcome:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify_answer(http_status, headers or {}, content, "application", "job", **options)


def test_a_success_gives_ids_and_warnings() -> None:
    outcome = judge(200, success(DATA, [{"message": "question skipped"}, {"message": None}, "odd"]))

    assert outcome.outcome_class is OutcomeClass.EXECUTED
    assert outcome.ids == CreatedIds("app", "r-app", "cand", "r-cand")
    assert outcome.warnings == ("question skipped",)
    assert (outcome.error_code, outcome.error_title, outcome.error_message) == (None, None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Checking your browser</html>",
        b"[" * 100_000,
        b"\x80",
        b"null",
        json.dumps({"status": 7, "data": [1], "warnings": {"a": 1}}).encode(),
        json.dumps({"data": {"id": "app"}}).encode(),
        json.dumps("success").encode(),
        json.dumps([success(DATA)]).encode(),
        json.dumps({"status": "ok"}).encode(),
    ],
)
@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("http_status", [200, 201, 204])
def test_a_2xx_with_a_page_instead_of_kombos_answer_proves_nothing(
    http_status: int, body: bytes, *, complete: bool
) -> None:
    assert judge(http_status, body, complete=complete).outcome_class is OutcomeClass.AMBIGUOUS


@pytest.mark.parametrize(
    ("body", "application_id"),
    [
        (b'{"status": "success", "data": {"id": "app", "remo', "app"),
        (b' {\n"status" : "success",\n"data":{ "id":"app"', "app"),
        (b'{"status":"success","data":{"id":"ap', None),
        (b'{"status":"success","data":{"remote_id":"r","id":"app"', None),
        (b'{"status":"success",', None),
    ],
)
def test_a_cut_success_is_executed_with_the_id_that_arrived(body: bytes, application_id: str | None) -> None:
    outcome = judge(200, body, complete=False)

    assert outcome.outcome_class is OutcomeClass.EXECUTED
    assert outcome.ids == CreatedIds(application_id)


@pytest.mark.parametrize(
    "rest",
    [
        b'"note":' + b"[" * 5_000 + b"]" * 5_000 + b"}}",
        b'"note":"M\xfcller"}}',
        b'"note":' + b"9" * 5_000 + b"}}",
        b'"note":1},}',
        b'"note":1}}<!-- served by a gateway -->',
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_whole_success_that_no_json_reader_takes_is_executed_as_one_cut_off_is(mark: bytes, rest: bytes) -> None:
    outcome = judge(200, mark + b'{"status":"success","data":{"id":"app",' + rest)

    assert outcome.outcome_class is OutcomeClass.EXECUTED
    assert outcome.ids == CreatedIds(application_id="app")


@pytest.mark.parametrize("http_status", [400, 401, 403, 404, 409, 413, 422, 429])
@pytest.mark.parametrize("body", [b"", b'{"status":"error","error":{"code":"ATS.JOB_CLO', b"<html>"])
def test_a_cut_refusal_may_have_been_any_code(http_status: int, body: bytes) -> None:
    assert judge(http_status, body, complete=False).outcome_class is OutcomeClass.AMBIGUOUS


@pytest.mark.parametrize("http_status", [200, 400, 403, 404, 409, 413, 422, 429, 500])
@pytest.mark.parametrize(
    "body",
    [
        b'{"status":"error","error":{"code":"ATS.JOB_CLO',
        b'\xef\xbb\xbf {"status":"err',
        b"{",
        b'{"status":"error","error":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["in a code", "behind a mark", "at once", "nested without end"],
)
def test_a_refusal_that_ends_in_the_middle_proves_nothing_though_no_length_says_that_it_was_cut(
    http_status: int, body: bytes
) -> None:
    assert judge(http_status, body).outcome_class is OutcomeClass.AMBIGUOUS


@pytest.mark.parametrize(
    "code",
    ["Ada Lovelace ada@example.org", "ats.job_closed", "ATS JOB", "ATS.X\n::group::", "X" * 5_000, "ATS.", "ÄTS.X"],
)
def test_what_is_no_code_does_not_leave_as_one(code: str) -> None:
    outcome = judge(422, error(code, title="Ada Lovelace"))

    assert outcome.error_code is None
    assert outcome.label == "HTTP 422"


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "https://log.example/a b",
        "https://log.example/\n::group::x",
        "https://log.example/\x1b[31m",
        "https://log.example/a)[x](y",
        "https://log.example/<script>",
        "ftp://log.example/",
        "//log.example",
        "https://" + "x" * 10_000,
        "",
    ],
)
def test_what_is_no_link_is_none(link: str) -> None:
    assert judge(400, error("ATS.JOB_CLOSED", log_url=link)).log_url is None


def test_a_200_with_an_error_of_unknown_code_is_ambiguous() -> None:
    assert judge(200, error("NEW.CODE")).outcome_class is OutcomeClass.AMBIGUOUS
    assert judge(200, {"error": {"code": None}}).outcome_class is OutcomeClass.AMBIGUOUS
    assert judge(200, {"status": "error"}).outcome_class is OutcomeClass.AMBIGUOUS


def test_another_2xx_is_executed_only_if_kombo_says_success() -> None:
    assert judge(201, success(DATA)).outcome_class is OutcomeClass.EXECUTED
    assert judge(201, success(DATA)).ids.application_id == "app"
    assert judge(201, {"data": DATA}).outcome_class is OutcomeClass.AMBIGUOUS
    assert judge(202, error("ATS.JOB_CLOSED")).outcome_class is OutcomeClass.REJECTED


@pytest.mark.parametrize(
    "details",
    [
        "text",
        None,
        5,
        [],
        {"code": 5, "message": None, "title": [], "log_url": {}},
        {"code": None, "message": {"a": 1}},
        {},
    ],
)
def test_an_error_of_wrong_types_is_still_judged(details: object) -> None:
    outcome = judge(400, {"status": "error", "error": details})

    assert outcome.outcome_class is OutcomeClass.REJECTED
    assert (outcome.error_code, outcome.error_message, outcome.log_url) == (None, None, None)


def test_texts_that_a_database_cannot_store_are_cleaned() -> None:
    outcome = judge(400, error("A.B", message="x\ud800y\u0000z", title="é"))

    assert outcome.error_message == "x?yz"
    assert outcome.error_title == "é"


def test_the_limits_are_read_from_headers_of_any_case() -> None:
    headers = {
        "Concurrency-Limit": "30",
        "CONCURRENCY-REMAINING": "12",
        "RateLimit-Remaining": "298",
        "ratelimit-reset": "57",
    }
    outcome = judge(200, success(DATA), headers)

    assert (outcome.concurrency_limit, outcome.concurrency_remaining) == (30, 12)
    assert (outcome.ratelimit_remaining, outcome.ratelimit_reset_seconds) == (298, 57.0)
    assert outcome.pause_seconds is None


@pytest.mark.parametrize("value", ["", "many", "-3", "nan", "inf", "1e9", "³", "9" * 5_000])
def test_a_header_that_is_no_number_counts_as_missing(value: str) -> None:
    headers = {"Concurrency-Limit": value, "ratelimit-reset": value, "Retry-After": value}
    outcome = judge(429, b"", headers)

    assert (outcome.concurrency_limit, outcome.ratelimit_reset_seconds) == (None, None)
    assert outcome.pause_seconds is None


RESET = {"ratelimit-reset": "57"}


@pytest.mark.parametrize(
    ("http_status", "body", "headers", "expected"),
    [
        (429, error("PLATFORM.RATE_LIMIT_EXCEEDED"), RESET, 57.0),
        (429, error("PLATFORM.RATE_LIMIT_EXCEEDED"), RESET | {"Retry-After": "3"}, 3.0),
        (429, error("PLATFORM.RATE_LIMIT_EXCEEDED"), {}, None),
        (429, b"too many", RESET, 57.0),
        (429, error("PLATFORM.CONCURRENCY_LIMIT_EXCEEDED"), RESET, None),
        (429, error("PLATFORM.CONCURRENCY_LIMIT_EXCEEDED"), {"Retry-After": "0.5"}, 0.5),
        (429, error("REMOTE.RATE_LIMIT_EXCEEDED"), RESET, None),
        (503, error("REMOTE.SERVICE_UNAVAILABLE"), RESET | {"Retry-After": "20"}, 20.0),
        (503, b"", {"Retry-After": "20"}, 20.0),
        (400, error("PLATFORM.INPUT_INVALID"), {"Retry-After": "20"}, None),
        (200, success(DATA), RESET | {"Retry-After": "20"}, None),
        (429, b"", {"Retry-After": "999999"}, 3600.0),
    ],
)
def test_an_answer_says_how_long_to_wait(
    http_status: int, body: object, headers: dict[str, str], expected: float | None
) -> None:
    assert judge(http_status, body, headers).pause_seconds == expected


def test_a_retry_after_date_is_measured_against_the_answers_own_clock() -> None:
    headers = {"Retry-After": "Wed, 01 Jan 2025 00:02:00 GMT", "Date": "Wed, 01 Jan 2025 00:00:00 GMT"}
    assert judge(503, b"", headers).pause_seconds == 120.0

    del headers["Date"]
    now = datetime(2025, 1, 1, 0, 1, 30, tzinfo=UTC)
    assert judge(503, b"", headers, now=now).pause_seconds == 30.0
    assert judge(503, b"", headers).pause_seconds == 0.0


def test_the_rate_limit_concerns_the_account_and_the_concurrency_limit_one_integration() -> None:
    assert judge(429, error("PLATFORM.RATE_LIMIT_EXCEEDED")).account_wide
    assert not judge(429, error("PLATFORM.CONCURRENCY_LIMIT_EXCEEDED")).account_wide
    assert not judge(401, error("INTEGRATION.AUTHENTICATION_INVALID")).account_wide
