"""HTTP/1.1 as clients use it."""

from __future__ import annotations

import json
import socket

import pytest

from kombo_sandbox.testing import Sandbox
from kombo_sandbox.wire import BadRequestError, RequestReader
from tests.sandbox.wire_client import Api, application, refusal
from tests.waiting import PATIENCE_SECONDS


def test_one_connection_serves_many_requests(api: Api, sandbox: Sandbox) -> None:
    with socket.create_connection(_address(sandbox)) as connection:
        for _ in range(3):
            connection.sendall(b"GET /_sandbox/health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).endswith(b'{"status":"ok"}')


def test_requests_sent_ahead_are_answered_in_turn(sandbox: Sandbox) -> None:
    with socket.create_connection(_address(sandbox)) as connection:
        one = b"GET /_sandbox/health HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(one + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        received = b""
        while part := connection.recv(4096):
            received += part
        assert received.count(b"HTTP/1.1 200 OK") == 2


def test_a_chunked_body_is_read(api: Api) -> None:
    content = json.dumps(application()).encode()
    answer = api.session.post(
        f"{api.url}/ats/jobs/1/applications",
        data=(content[start : start + 7] for start in range(0, len(content), 7)),
        headers={"Content-Type": "application/json"},
        timeout=PATIENCE_SECONDS,
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/ats/jobs/1/applications", "/ats/import-tracked-application"])
@pytest.mark.parametrize("depth", [500, 900, 2_000, 100_000])
def test_a_body_nested_without_end_is_answered_as_a_malformed_one(api: Api, path: str, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    body = f'{{"tracked_at": {deep}, "greenhouse": {deep}, "candidate": {deep}}}'
    headers = {"Content-Type": "application/json"}
    answer = api.session.post(f"{api.url}{path}", data=body, headers=headers, timeout=PATIENCE_SECONDS)
    assert refusal(answer)[:2] == (400, "PLATFORM.INPUT_INVALID")


def test_a_setting_nested_without_end_is_refused(api: Api, sandbox: Sandbox) -> None:
    body = "[" * 100_000 + "]" * 100_000
    headers = {"Content-Type": "application/json"}
    root = sandbox.url.removesuffix("/v1")
    for path in ("config", "faults"):
        answer = api.session.post(f"{root}/_sandbox/{path}", data=body, headers=headers, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 400


def test_expect_100_continue(sandbox: Sandbox) -> None:
    with socket.create_connection(_address(sandbox)) as connection:
        head = b"POST /_sandbox/config HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_bytes_that_are_not_http_are_refused(sandbox: Sandbox) -> None:
    with socket.create_connection(_address(sandbox)) as connection:
        connection.sendall(b"hello\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
        assert connection.recv(4096) == b""


def test_a_body_beyond_the_limit_is_refused(sandbox: Sandbox) -> None:
    sandbox.config(max_body_bytes=1000)
    with Api(sandbox.url) as api:
        assert api.create(application(remote_fields={"x": {"y": "z" * 1000}})).status_code == 413


def test_idle_connections_can_be_closed_as_load_balancers_do(sandbox: Sandbox) -> None:
    sandbox.config(keep_alive_seconds=0.05)
    with socket.create_connection(_address(sandbox)) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.sendall(b"GET /_sandbox/health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(4096).endswith(b'{"status":"ok"}')
        assert connection.recv(4096) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        b"GET / SPDY/3\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000,
    ],
)
def test_broken_requests_raise(data: bytes) -> None:
    reader = RequestReader(1_000_000)
    reader.feed(data)
    with pytest.raises(BadRequestError):
        reader.next()


def test_a_request_that_arrives_byte_by_byte_is_the_same_request() -> None:
    data = b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.0\r\n\r\n"
    reader, seen = RequestReader(1000), []
    for index in range(len(data)):
        reader.feed(data[index : index + 1])
        if raw := reader.next():
            seen.append((raw.method, raw.target, raw.body, raw.keep_alive))
    assert seen == [("POST", "/a", b"abc", True), ("GET", "/b", b"", False)]


def _address(sandbox: Sandbox) -> tuple[str, int]:
    host, port = sandbox.url.removeprefix("http://").removesuffix("/v1").split(":")
    return host, int(port)
