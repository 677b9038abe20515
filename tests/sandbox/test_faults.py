"""Each kind of scripted fault, as a client sees it."""

from __future__ import annotations

import re
import time
from functools import partial

import pytest
import requests
from kombo import Kombo
from kombo.errors import SDKDefaultError
from urllib3.exceptions import ProtocolError

from kombo_sandbox import faults
from kombo_sandbox.fault_effects import FAULTS
from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import (
    GIVES_UP_SOON,
    INTEGRATION,
    Api,
    application,
    hold_creates,
    person,
    refusal,
)
from tests.waiting import wait_until


def total(sandbox: Sandbox) -> int:
    return int(sandbox.stats(summary=True)["creates_total"])


def _executed(sandbox: Sandbox, count: int) -> bool:
    return total(sandbox) == count


def test_late_executes_and_answers_later(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "late", "seconds": 0.2, "count": 1}])
    started = time.monotonic()
    assert api.create().status_code == 200
    assert time.monotonic() - started >= 0.2
    assert total(sandbox) == 1


def test_late_beyond_the_clients_patience_is_executed_and_stays_in_flight(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "late", "seconds": seconds, "count": 1} for seconds in (600, 0.3)])
    for sent in (1, 2):
        with pytest.raises(requests.ReadTimeout):
            api.create(timeout=GIVES_UP_SOON)
        wait_until(partial(_executed, sandbox, sent))
    wait_until(lambda: sandbox.stats(summary=True)["in_flight"] == {INTEGRATION: 1})
    assert sandbox.stats(summary=True)["peak_in_flight"] == {INTEGRATION: 2}


def test_write_no_answer_holds_the_request_until_the_client_goes(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "write_no_answer", "count": 1}])
    with pytest.raises(requests.ReadTimeout):
        api.create(timeout=GIVES_UP_SOON)
    wait_until(lambda: total(sandbox) == 1)
    api.session.close()
    wait_until(lambda: sandbox.stats(summary=True)["in_flight"] == {})
    assert sandbox.stats(summary=True)["by_status"] == {"no_answer": 1}


def test_write_no_answer_with_seconds_closes_the_connection_without_a_word(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "write_no_answer", "seconds": 0.1, "count": 1}])
    with pytest.raises(requests.ConnectionError, match="without response"):
        api.create()
    assert total(sandbox) == 1


@pytest.mark.parametrize(("kind", "executed"), [("write_reset", 1), ("reset", 0)])
def test_a_reset_is_a_real_tcp_reset(api: Api, sandbox: Sandbox, kind: str, executed: int) -> None:
    sandbox.faults([{"kind": kind, "count": 1}])
    with pytest.raises(requests.ConnectionError) as caught:
        api.create()
    assert "ConnectionResetError" in repr(caught.value)
    assert total(sandbox) == executed
    assert sandbox.stats(summary=True)["by_status"] == {"reset": 1}


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_status_after_write_executes_and_answers_a_bare_5xx(api: Api, sandbox: Sandbox, status: int) -> None:
    sandbox.faults([{"kind": "status_after_write", "status": status, "count": 1}])
    answer = api.create()
    assert answer.status_code == status
    assert "html" in answer.headers["Content-Type"]
    assert "Concurrency-Limit" not in answer.headers
    assert total(sandbox) == 1


def test_status_after_write_can_carry_an_envelope(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "status_after_write", "envelope": True, "code": "PLATFORM.TASK_TIMED_OUT", "count": 1}])
    assert refusal(api.create())[:2] == (500, "PLATFORM.TASK_TIMED_OUT")
    assert total(sandbox) == 1


@pytest.mark.parametrize("code", ["REMOTE.SERVICE_UNAVAILABLE", "PLATFORM.RATE_LIMIT_EXCEEDED"])
def test_status_after_write_refuses_codes_that_promise_a_safe_retry(sandbox: Sandbox, code: str) -> None:
    with pytest.raises(ValueError, match="not executed"):
        sandbox.faults([{"kind": "status_after_write", "envelope": True, "code": code}])


def test_truncated_ends_before_its_content_length(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "truncated", "count": 1}])
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError, ProtocolError)):
        api.create()
    assert total(sandbox) == 1


def test_unparsable_is_a_200_that_is_no_json(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "unparsable", "count": 1}])
    answer = api.create()
    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert total(sandbox) == 1


@pytest.mark.parametrize("status", [400, 404])
def test_a_refusal_is_cut_in_the_middle_after_the_create_was_executed(api: Api, sandbox: Sandbox, status: int) -> None:
    sandbox.faults([{"kind": "truncated", "status": status, "count": 1}])
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.create()
    answer = api.create(application("bea"), stream=True)
    assert (answer.status_code, total(sandbox)) == (200, 2)


@pytest.mark.parametrize(("status", "word"), [(200, "success"), (400, "error")])
def test_oversized_executes_and_answers_more_than_32_mib(api: Api, sandbox: Sandbox, status: int, word: str) -> None:
    sandbox.faults([{"kind": "oversized", "status": status, "count": 1}])
    answer = api.create()
    assert (answer.status_code, answer.json()["status"]) == (status, word)
    assert len(answer.content) > 32 * 1024 * 1024
    assert total(sandbox) == 1


def test_informational_answers_come_before_the_real_one(sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "informational", "statuses": [102, 103], "count": 1}])
    (connection,) = hold_creates(sandbox, 1, wait=False)
    with connection, connection.makefile() as lines:
        heads = (line for line in lines if line.startswith("HTTP/1.1 "))
        statuses = [next(heads).split(" ")[1] for _ in range(3)]
    assert statuses == ["102", "103", "200"]
    assert total(sandbox) == 1


@pytest.mark.parametrize("status", [200, 403, 404, 407])
def test_html_is_the_page_of_a_gateway_with_any_status(api: Api, sandbox: Sandbox, status: int) -> None:
    sandbox.faults([{"kind": "html", "status": status, "count": 1}])
    answer = api.create()
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
    assert total(sandbox) == 0


def test_answer_is_any_text_in_the_place_of_kombos(api: Api, sandbox: Sandbox) -> None:
    page = '{"status": "success", "data": {"results": "none"}}'
    sandbox.faults([{"kind": "answer", "count": 1}])
    sandbox.faults([{"kind": "answer", "body": page, "match": {"path": "/ats/applications"}, "count": 1}])
    empty = api.create()
    assert (empty.status_code, empty.content, total(sandbox)) == (200, b"", 0)
    assert api.get("/ats/applications").text == page


def test_null_ids_leaves_only_what_may_not_be_null_and_the_sdk_accepts_it(sandbox: Sandbox, sdk: Kombo) -> None:
    sandbox.faults([{"kind": "null_ids", "count": 2}])
    made = sdk.ats.create_application(job_id="1", candidate=person())
    assert made.data.id
    assert made.data.candidate_id is None
    assert made.data.candidate is None
    assert made.data.remote_id is None
    assert made.data.job_id is None
    one = sdk.ats.create_candidate(candidate=person(), application={"job_id": "2"})
    assert one.data.remote_id == "1"
    assert [(entry.remote_id, entry.job) for entry in one.data.applications] == [(None, None), (None, None)]


def test_rate_limit_429(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "rate_limit_429", "reset_seconds": 7, "retry_after": 9, "count": 1}])
    answer = api.create()
    assert refusal(answer)[:2] == (429, "PLATFORM.RATE_LIMIT_EXCEEDED")
    assert answer.headers["ratelimit-reset"] == "7"
    assert answer.headers["ratelimit-remaining"] == "0"
    assert answer.headers["Retry-After"] == "9"
    assert total(sandbox) == 0


def test_concurrency_429(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "concurrency_429", "limit": 3, "count": 1}])
    answer = api.create()
    assert refusal(answer)[:2] == (429, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED")
    assert (answer.headers["Concurrency-Limit"], answer.headers["Concurrency-Remaining"]) == ("3", "0")
    assert total(sandbox) == 0


def test_html_is_a_load_balancers_page(sandbox: Sandbox, sdk: Kombo) -> None:
    sandbox.faults([{"kind": "html", "status": 502, "count": 1}])
    with pytest.raises(SDKDefaultError) as caught:
        sdk.ats.create_application(job_id="1", candidate=person())
    assert caught.value.status_code == 502
    assert total(sandbox) == 0


def test_error_takes_a_status_and_a_null_code(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "error", "code": None, "status": 418, "message": "No.", "count": 1}])
    assert refusal(api.create()) == (418, None, "No.")


def test_redirect_points_back_by_default(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "redirect", "count": 1}])
    answer = api.create(allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, f"{api.url}/ats/jobs/job-1/applications")
    assert total(sandbox) == 0


def test_refused_input_stays_refused_under_a_fault_that_would_have_executed_it(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "status_after_write", "count": 1}])
    assert refusal(api.create({}))[1] == "PLATFORM.INPUT_INVALID"


def test_a_client_that_hangs_up_at_once_does_not_stop_the_create(sandbox: Sandbox) -> None:
    sandbox.config(latency_seconds=0.4)
    (connection,) = hold_creates(sandbox, 1)
    connection.close()
    wait_until(lambda: sandbox.stats(summary=True)["in_flight"] == {})
    assert total(sandbox) == 1


def test_the_documented_kinds_are_the_kinds() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", faults.__doc__ or "", re.MULTILINE))
    assert documented == FAULTS.keys()
