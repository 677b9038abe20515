"""Reads are repeated where that helps, and end in an error that says what to do."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kombo_provider.client import KomboClient
from kombo_provider.errors import AccountError, ApiError, ConfigurationError, IntegrationError
from tests.unit.client.conftest import Serve, Sleeps
from tests.unit.client.scripted_server import Peer, answers, error, http_answer, success

ClientFor = Callable[..., KomboClient]
KEY = success({"environment_id": "env-1"})


def once(http_status: int, body: object, headers: dict[str, str] | None = None) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(http_answer(http_status, body, {"Connection": "close"} | (headers or {})))

    return script


def reset(peer: Peer) -> None:
    peer.read_request()
    peer.reset()


def test_reads_share_a_connection(serve: Serve, client_for: ClientFor) -> None:
    server = serve(answers(200, KEY))
    client = client_for(server)

    for _ in range(3):
        assert client.check_api_key() == "env-1"

    assert (len(server.requests), server.connections) == (3, 1)
    assert "x-integration-id" not in server.requests[0].headers


def test_reads_share_a_connection_over_tls_too(
    serve: Serve, server_tls: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURL_CA_BUNDLE", str(ca_file))
    server = serve(answers(200, KEY), wrap=lambda sock: server_tls.wrap_socket(sock, server_side=True))
    client = KomboClient(api_key="k", base_url=f"https://localhost:{server.port}/v1")

    assert [client.check_api_key() for _ in range(3)] == ["env-1"] * 3
    assert server.connections == 1


def test_a_kept_connection_that_the_server_closed_is_replaced(
    serve: Serve, client_for: ClientFor, sleeps: Sleeps
) -> None:
    def answers_once(peer: Peer) -> None:
        peer.read_request()
        peer.send(http_answer(200, KEY))

    server = serve(answers_once)
    client = client_for(server)
    for _ in range(3):
        assert client.check_api_key() == "env-1"

    assert server.connections == 3
    assert sleeps == []


def test_a_kept_connection_that_dies_under_the_request_is_replaced(
    serve: Serve, client_for: ClientFor, sleeps: Sleeps
) -> None:
    def answers_and_dies(peer: Peer) -> None:
        peer.read_request()
        peer.send(http_answer(200, KEY))
        peer.read_request()
        peer.reset()

    client = client_for(serve(answers_and_dies, answers(200, KEY)))

    assert [client.check_api_key(), client.check_api_key()] == ["env-1", "env-1"]
    assert sleeps == []


def test_creates_do_not_use_the_connections_of_reads(serve: Serve, client_for: ClientFor) -> None:
    server = serve(answers(200, KEY))
    client = client_for(server)

    client.check_api_key()
    client.create("application", "t:1", "job", b"{}")

    assert server.connections == 2


def test_close_ends_the_connections_that_were_kept(serve: Serve, client_for: ClientFor) -> None:
    server = serve(answers(200, KEY))
    client = client_for(server)
    client.check_api_key()

    client.close()
    client.check_api_key()

    assert server.connections == 2


@pytest.mark.parametrize("failure", [reset, once(502, b"<html>"), once(503, b""), once(504, b""), once(429, b"")])
def test_a_passing_failure_is_repeated(
    serve: Serve, client_for: ClientFor, sleeps: Sleeps, failure: Callable[[Peer], None]
) -> None:
    server = serve(failure, failure, answers(200, KEY))

    assert client_for(server).check_api_key() == "env-1"
    assert sleeps == [0.5, 1.0]


def test_an_answer_that_is_cut_off_is_asked_for_again(serve: Serve, client_for: ClientFor) -> None:
    def cut(peer: Peer) -> None:
        peer.read_request()
        peer.send(http_answer(200, KEY)[:-5])

    assert client_for(serve(cut, answers(200, KEY))).check_api_key() == "env-1"


def test_a_rate_limit_is_waited_out(serve: Serve, client_for: ClientFor, sleeps: Sleeps) -> None:
    limited = error("PLATFORM.RATE_LIMIT_EXCEEDED")
    server = serve(
        once(429, limited, {"Retry-After": "2"}), once(429, limited, {"ratelimit-reset": "3"}), answers(200, KEY)
    )

    client_for(server, timeout_seconds=30).check_api_key()

    assert sleeps == [2.0, 3.0]


def test_a_wait_beyond_the_timeout_is_not_begun(serve: Serve, client_for: ClientFor, sleeps: Sleeps) -> None:
    limited = error("PLATFORM.RATE_LIMIT_EXCEEDED")

    with pytest.raises(ApiError, match="RATE_LIMIT_EXCEEDED") as caught:
        client_for(serve(once(429, limited, {"ratelimit-reset": "57"}))).check_api_key()

    assert caught.value.http_status == 429
    assert sleeps == []


def test_repeating_ends(serve: Serve, client_for: ClientFor, sleeps: Sleeps) -> None:
    server = serve(once(503, b""))

    with pytest.raises(ApiError, match="HTTP 503"):
        client_for(server, timeout_seconds=60).check_api_key()

    assert server.connections == 5
    assert sleeps == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("http_status", [400, 404, 500, 501])
def test_a_lasting_failure_is_not_repeated(serve: Serve, client_for: ClientFor, http_status: int) -> None:
    server = serve(once(http_status, error(None)))

    with pytest.raises(ApiError, match=f"HTTP {http_status}"):
        client_for(server).check_api_key()

    assert server.connections == 1


def test_a_server_that_dribbles_does_not_hold_a_read(serve: Serve, client_for: ClientFor) -> None:
    def dribbles(peer: Peer) -> None:
        peer.read_request()
        peer.dribble(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 90, 0.1)

    started = time.monotonic()
    with pytest.raises(ApiError, match=r"no answer within 0\.3 s"):
        client_for(serve(dribbles), timeout_seconds=0.3).check_api_key()

    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("http_status", "code", "kind", "hint"),
    [
        (401, "PLATFORM.AUTHENTICATION_INVALID", AccountError, "API key"),
        (401, None, AccountError, "API key"),
        (403, "PLATFORM.IP_NOT_WHITELISTED", AccountError, "allow-list"),
        (307, None, AccountError, "base URL"),
        (404, "PLATFORM.INTEGRATION_NOT_FOUND", IntegrationError, "integration id"),
        (503, "INTEGRATION.SETUP_SYNC_PENDING", IntegrationError, "first sync"),
        (403, "INTEGRATION.PERMISSION_MISSING", IntegrationError, "right in the ATS"),
        (400, "PLATFORM.INPUT_INVALID", ApiError, "logs"),
        (500, "PLATFORM.UNKNOWN_ERROR", ApiError, "later"),
    ],
)
def test_an_error_says_what_failed_where_and_what_to_do(
    serve: Serve, client_for: ClientFor, http_status: int, code: str | None, kind: type[ApiError], hint: str
) -> None:
    server = serve(
        once(http_status, error(code, log_url="https://app.kombo.dev/logs/1", message="for hopper@example.org"))
    )

    with pytest.raises(ApiError) as caught:
        client_for(server).integration("workday:abc")

    raised = caught.value
    assert type(raised) is kind
    assert (raised.code, raised.http_status, raised.integration_id) == (code, http_status, "workday:abc")
    assert raised.log_url == "https://app.kombo.dev/logs/1"
    for part in (
        f"GET /integrations/workday:abc on 127.0.0.1:{server.port}",
        hint,
        "logs/1",
        "for integration workday:abc",
    ):
        assert part in str(raised)
    assert "hopper@example.org" not in str(raised)


def test_no_query_reaches_an_exception_or_a_log(
    serve: Serve, client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def malformed(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\n: nameless\r\nContent-Length: 2\r\n\r\n{}")

    for script in (
        reset,
        once(503, error("X", message="hopper@example.org")),
        once(400, b"hopper@example.org"),
        malformed,
    ):
        with pytest.raises(ApiError) as caught:
            list(client_for(serve(script)).candidates("t:1", email="hopper@example.org"))
        chain = [caught.value, caught.value.__cause__, caught.value.__context__]
        assert all("hopper" not in repr(link) for link in chain)

    assert "GET /ats/candidates" in caplog.text
    assert "hopper" not in caplog.text


@pytest.mark.parametrize("body", [b"", b"<html>hello</html>", b"{}", {"status": "odd", "data": {}}, b"[]"])
def test_a_200_of_another_server_is_an_error(serve: Serve, client_for: ClientFor, body: object) -> None:
    with pytest.raises(ApiError, match="not Kombo's"):
        client_for(serve(once(200, body))).check_api_key()


@pytest.mark.parametrize("data", [None, {}, {"environment_id": None}, {"environment_id": 5}, []])
def test_an_api_key_without_an_environment_is_an_error(serve: Serve, client_for: ClientFor, data: object) -> None:
    with pytest.raises(ApiError, match="environment"):
        client_for(serve(once(200, success(data)))).check_api_key()


def test_a_host_that_nobody_listens_on_is_named(closed_port: int, sleeps: Sleeps) -> None:
    client = KomboClient(api_key="secret-key", base_url=f"http://127.0.0.1:{closed_port}/v1", sleep=sleeps)

    with pytest.raises(ApiError, match=f"127.0.0.1:{closed_port} failed: the connection could not be opened") as caught:
        client.check_api_key()

    assert "secret-key" not in str(caught.value)


def test_an_integration_is_read_by_its_id(serve: Serve, client_for: ClientFor) -> None:
    server = serve(answers(200, success({"id": "workday:abc", "status": "ACTIVE"})))

    assert client_for(server).integration("workday:abc")["status"] == "ACTIVE"
    assert server.requests[0].target == "/v1/integrations/workday:abc"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"attachment_restrictions": {"total_size_bytes": 5, "types": {}}}, {"total_size_bytes": 5, "types": {}}),
        ({"attachment_restrictions": None}, {}),
        (None, {}),
    ],
)
def test_attachment_restrictions_are_empty_where_kombo_knows_none(
    serve: Serve, client_for: ClientFor, data: object, expected: object
) -> None:
    server = serve(answers(200, success(data)))

    assert client_for(server).attachment_restrictions("t:1") == expected
    assert server.requests[0].target == "/v1/ats/actions/ats_create_application"
    assert server.requests[0].headers["x-integration-id"] == "t:1"


@pytest.mark.parametrize("integration_id", ["", "a\nb", "Zürich"])
def test_an_integration_id_that_no_header_can_carry_is_a_configuration_error(
    serve: Serve, client_for: ClientFor, integration_id: str
) -> None:
    client = client_for(serve(answers(200, KEY)))

    for call in (client.integration, client.attachment_restrictions, client.applications, client.jobs):
        with pytest.raises(ConfigurationError, match="integration id"):
            call(integration_id)
