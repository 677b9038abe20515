"""One create is one request on one fresh connection, whatever happens."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from kombo_provider.client import KomboClient, Outcome, OutcomeClass
from tests.unit.client.conftest import Serve
from tests.unit.client.scripted_server import APPLICATION, Peer, answers, error, http_answer, success

ClientFor = Callable[..., KomboClient]


def create(client: KomboClient, body: bytes = b"{}") -> Outcome:
    return client.create("application", "tool:1", "job", body)


def test_creates_never_share_a_connection(serve: Serve, client_for: ClientFor) -> None:
    server = serve(answers(200, APPLICATION, {"Connection": "keep-alive"}))
    client = client_for(server)

    for _ in range(3):
        assert create(client).outcome_class is OutcomeClass.EXECUTED

    assert server.connections == 3
    assert [request.headers["connection"] for request in server.requests] == ["close"] * 3


def reset_after_request(peer: Peer) -> None:
    peer.read_request()
    peer.reset()


def close_after_request(peer: Peer) -> None:
    peer.read_request()


def garbage(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"SSH-2.0-OpenSSH\r\n\r\n")


def cut_status(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 20")


def endless_headers(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n")


@pytest.mark.parametrize("script", [reset_after_request, close_after_request, garbage, cut_status, endless_headers])
def test_a_request_without_an_answer_is_ambiguous_and_not_repeated(
    serve: Serve, client_for: ClientFor, script: Callable[[Peer], None]
) -> None:
    server = serve(script)

    outcome = create(client_for(server))

    assert outcome.outcome_class is OutcomeClass.AMBIGUOUS
    assert outcome.http_status is None
    assert len(server.requests) == server.connections == 1


@pytest.mark.parametrize("http_status", [408, 429, 500, 502, 503, 504])
def test_no_status_makes_the_client_send_again(serve: Serve, client_for: ClientFor, http_status: int) -> None:
    server = serve(answers(http_status, error(None), {"Retry-After": "0"}))

    create(client_for(server))

    assert len(server.requests) == 1


@pytest.mark.parametrize("http_status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(serve: Serve, client_for: ClientFor, http_status: int) -> None:
    elsewhere = serve(answers(200, APPLICATION))
    server = serve(answers(http_status, b"", {"Location": f"{elsewhere.base_url}/moved"}))

    outcome = create(client_for(server))

    assert outcome.http_status == http_status
    assert len(server.requests) == 1
    assert elsewhere.connections == 0


def cut_body(http_status: int) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(http_answer(http_status, APPLICATION)[:-20])

    return script


def cut_chunk(peer: Peer) -> None:
    peer.read_request()
    peer.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"sta\r\nff\r\n')


def broken_chunk(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")


def cut_headers(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Le")


def reset_in_body(peer: Peer) -> None:
    peer.read_request()
    peer.send(http_answer(200, APPLICATION)[:-20])
    peer.stopped.wait(0.05)
    peer.reset()


@pytest.mark.parametrize("script", [cut_body(200), reset_in_body])
def test_a_success_that_is_cut_off_is_executed(
    serve: Serve, client_for: ClientFor, script: Callable[[Peer], None]
) -> None:
    assert create(client_for(serve(script))).outcome_class is OutcomeClass.EXECUTED


@pytest.mark.parametrize("script", [cut_headers, cut_chunk, broken_chunk])
def test_a_200_of_which_too_little_arrived_proves_nothing(
    serve: Serve, client_for: ClientFor, script: Callable[[Peer], None]
) -> None:
    assert create(client_for(serve(script))).outcome_class is OutcomeClass.AMBIGUOUS


def cut_refusal(http_status: int) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(http_answer(http_status, error("ATS.JOB_CLOSED"))[:-20])

    return script


@pytest.mark.parametrize("http_status", [400, 401, 404, 429, 500, 503])
def test_a_refusal_that_is_cut_off_may_have_been_anything(
    serve: Serve, client_for: ClientFor, http_status: int
) -> None:
    outcome = create(client_for(serve(cut_refusal(http_status))))

    assert (outcome.outcome_class, outcome.http_status, outcome.error_code) == ("A", http_status, None)


@pytest.mark.parametrize(
    "coding", [{"Content-Encoding": "br"}, {"Content-Encoding": "gzip"}, {"Transfer-Encoding": "gzip, chunked"}]
)
@pytest.mark.parametrize("http_status", [400, 404, 200])
def test_an_answer_in_a_coding_that_cannot_be_read_is_not_taken_for_a_gateways_page(
    serve: Serve, client_for: ClientFor, http_status: int, coding: dict[str, str]
) -> None:
    server = serve(answers(http_status, b"\x0b\x02\x80", coding))

    assert create(client_for(server)).outcome_class is OutcomeClass.AMBIGUOUS


def test_an_answer_that_was_compressed_although_nobody_asked_for_it_is_read(
    serve: Serve, client_for: ClientFor
) -> None:
    executed = serve(answers(200, gzip.compress(json.dumps(APPLICATION).encode()), {"Content-Encoding": "gzip"}))
    refusal = gzip.compress(json.dumps(error("REMOTE.UNKNOWN_HTTP_ERROR")).encode())
    doubtful = serve(answers(400, refusal, {"content-encoding": "GZIP"}))

    assert create(client_for(executed)).ids.application_id == "app-1"
    assert create(client_for(doubtful)).error_code == "REMOTE.UNKNOWN_HTTP_ERROR"


@pytest.mark.parametrize("head", [b"", b"Content-Length: -5\r\n", b"Content-Length: all\r\n"])
@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_empty_refusal_without_a_length_may_have_been_cut_off(
    serve: Serve, client_for: ClientFor, head: bytes, body: bytes
) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + body)

    assert create(client_for(serve(script))).outcome_class is OutcomeClass.AMBIGUOUS


def test_an_empty_refusal_that_says_its_length_is_the_gateways(serve: Serve, client_for: ClientFor) -> None:
    assert create(client_for(serve(answers(400)))).outcome_class is OutcomeClass.WAY_OR_ROW


@pytest.mark.parametrize(
    "early", [b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"]
)
def test_informational_answers_are_read_past(serve: Serve, client_for: ClientFor, early: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(early * 3 + b"HTTP/1.1 100 Continue\r\n\r\n" + http_answer(200, APPLICATION))

    assert create(client_for(serve(script))).outcome_class is OutcomeClass.EXECUTED


def test_an_answer_larger_than_the_cap_is_not_read(
    serve: Serve, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kombo_provider.client.wire.LARGEST_ANSWER_BYTES", 1_000)
    fits, too_large = success({"id": "a"}, []), success({"id": "a", "pad": "x" * 2_000}, [])

    assert create(client_for(serve(answers(200, fits)))).ids.application_id == "a"
    outcome = create(client_for(serve(answers(200, too_large))))
    assert outcome.outcome_class is OutcomeClass.EXECUTED
    assert outcome.ids.application_id == "a"


def test_an_answer_that_ends_with_the_connection_is_read(serve: Serve, client_for: ClientFor) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b'HTTP/1.1 200 OK\r\n\r\n{"status": "success", "data": {"id": "a"}}')

    assert create(client_for(serve(script))).ids.application_id == "a"


def test_an_answer_given_before_the_request_was_read_counts(serve: Serve, client_for: ClientFor) -> None:
    def refuse_early(peer: Peer) -> None:
        peer.read_head()
        peer.send(http_answer(413, error("PLATFORM.INPUT_INVALID")))
        peer.sock.shutdown(1)
        while peer.sock.recv(1 << 20):  # a polite server reads on, so that no reset overtakes its answer
            pass

    outcome = create(client_for(serve(refuse_early)), b"x" * 5_000_000)

    assert (outcome.outcome_class, outcome.error_code) == (OutcomeClass.REJECTED, "PLATFORM.INPUT_INVALID")


def test_many_threads_may_create_at_once(serve: Serve, client_for: ClientFor) -> None:
    server = serve(answers(200, APPLICATION))
    client = client_for(server, timeout_seconds=30)

    with ThreadPoolExecutor(100) as pool:
        outcomes = list(pool.map(lambda _: create(client), range(400)))

    assert {outcome.outcome_class for outcome in outcomes} == {OutcomeClass.EXECUTED}
    assert len(server.requests) == server.connections == 400
