"""A failure without an answer is safe exactly where nothing can have left, and says nothing it should not."""

from __future__ import annotations

import http.client
import json
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection

from kombo_provider.client.created import Endpoint
from kombo_provider.client.outcome import (
    NotSentError,
    Outcome,
    OutcomeClass,
    classify_answer,
    classify_exception,
)

SECRET = "/ats/candidates?email=hopper@example.org"
CONNECTION = HTTPConnection("host")
FAILURES = [
    (urllib3_errors.NameResolutionError("host", CONNECTION, socket.gaierror(SECRET)), "name resolution"),
    (urllib3_errors.ConnectTimeoutError(SECRET), "timeout"),
    (urllib3_errors.NewConnectionError(CONNECTION, SECRET), "no connection"),
    (urllib3_errors.ProxyError(SECRET, OSError()), "proxy"),
    (ssl.SSLError(SECRET), "TLS"),
    (ssl.SSLCertVerificationError(SECRET), "TLS"),
    (TimeoutError(SECRET), "timeout"),
    (ConnectionResetError(SECRET), "connection lost"),
    (BrokenPipeError(SECRET), "connection lost"),
    (http.client.RemoteDisconnected(SECRET), "connection lost"),
    (http.client.BadStatusLine(SECRET), "unreadable answer"),
    (http.client.IncompleteRead(SECRET.encode()), "unreadable answer"),
    (OSError(SECRET), "network"),
    (ValueError(SECRET), "ValueError"),
]


@pytest.mark.parametrize(("exc", "title"), FAILURES)
def test_a_failure_is_safe_before_sending_and_ambiguous_after(exc: Exception, title: str) -> None:
    before = classify_exception(exc, sending_began=False, timeout_seconds=300)
    after = classify_exception(exc, sending_began=True, timeout_seconds=300)

    assert (before.outcome_class, after.outcome_class) == (OutcomeClass.SAFE, OutcomeClass.AMBIGUOUS)
    assert before.error_title == after.error_title == title
    assert (after.http_status, after.error_code) == (None, None)
    assert "hopper" not in repr((before, after))


def test_a_request_that_was_given_back_is_of_a_class_of_its_own() -> None:
    assert classify_exception(NotSentError(), sending_began=False) == Outcome(OutcomeClass.NOT_BEGUN)


def test_a_proxy_that_asks_for_credentials_says_so_and_where_they_belong() -> None:
    exc = urllib3_errors.ProxyError("x", OSError("Tunnel connection failed: 407 Proxy Authentication Required"))
    for found in (exc, exc.original_error):
        outcome = classify_exception(found, sending_began=False)
        assert (outcome.outcome_class, outcome.error_title) == (OutcomeClass.SAFE, "proxy")
        assert "407" in str(outcome.error_message)
        assert "HTTPS_PROXY" in str(outcome.error_message)


def test_a_certificate_that_is_not_trusted_names_the_variables_that_are_read() -> None:
    outcome = classify_exception(ssl.SSLCertVerificationError(SECRET), sending_began=False)
    assert "REQUESTS_CA_BUNDLE" in str(outcome.error_message)


def test_a_timeout_says_how_long_it_waited() -> None:
    outcome = classify_exception(TimeoutError(), sending_began=True, timeout_seconds=300.0)
    assert outcome.error_message == "no answer within 300 s"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "data", "error", "warnings", "code", "message", "id", "applications", "job"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(
    http_status=st.integers(100, 999),
    body=st.binary(max_size=50) | json_values.map(lambda value: json.dumps(value).encode()),
    headers=st.dictionaries(
        st.sampled_from(["Retry-After", "Date", "ratelimit-reset", "Concurrency-Limit"]), st.text(max_size=30)
    ),
    endpoint=st.sampled_from(["application", "candidate"]),
    job_id=st.text(max_size=10),
)
def test_no_answer_raises_and_a_200_is_executed_or_ambiguous(
    http_status: int, body: bytes, headers: dict[str, str], endpoint: Endpoint, job_id: str
) -> None:
    outcome = classify_answer(http_status, headers, body, endpoint, job_id)

    if http_status == 200:
        assert outcome.outcome_class in (OutcomeClass.EXECUTED, OutcomeClass.AMBIGUOUS)
    assert outcome.pause_seconds is None or 0 <= outcome.pause_seconds <= 3600
