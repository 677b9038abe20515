"""What is written for a request, and how an answer's head is read."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator

import pytest

from kombo_provider.client.wire import Answer, DeadlineSocket, Wire

PATIENCE_SECONDS = 60.0
HEADERS = {"Host": "kombo.example"}


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    """A wire, and the server's end of it."""
    ours, theirs = socket.socketpair()
    wire = Wire(DeadlineSocket(ours, deadline=time.monotonic() + PATIENCE_SECONDS, clock=time.monotonic))
    yield wire, theirs
    wire.close()
    theirs.close()


def answered(ends: tuple[Wire, socket.socket], answer: bytes) -> Answer:
    """Have one request answered by these bytes and the end of the connection."""
    wire, theirs = ends
    theirs.sendall(answer)
    theirs.shutdown(socket.SHUT_WR)
    return wire.exchange("POST", "/ats", HEADERS, b"{}")


def test_a_request_is_its_line_its_headers_and_the_length_of_its_body(ends: tuple[Wire, socket.socket]) -> None:
    answered(ends, b"HTTP/1.1 204 No Content\r\n\r\n")
    assert ends[1].recv(1000) == b"POST /ats HTTP/1.1\r\nHost: kombo.example\r\nContent-Length: 2\r\n\r\n{}"


def test_a_read_says_nothing_of_a_body(ends: tuple[Wire, socket.socket]) -> None:
    wire, theirs = ends
    theirs.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
    wire.exchange("GET", "/ats", HEADERS)
    assert theirs.recv(1000) == b"GET /ats HTTP/1.1\r\nHost: kombo.example\r\n\r\n"


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/ats HTTP/1.1\r\nX: y", HEADERS),
        ("/ats jobs", HEADERS),
        ("/ats/ü", HEADERS),
        ("/ats", {"X-Integration-Id": "a\r\nX: y"}),
        ("/ats", {"X-Integration-Id": "a\nX: y"}),
        ("/ats", {"X-Integration-Id": "→"}),
    ],
)
def test_nothing_is_sent_that_would_change_the_lines_of_a_request(
    ends: tuple[Wire, socket.socket], target: str, headers: dict[str, str]
) -> None:
    wire, theirs = ends
    with pytest.raises(ValueError):
        wire.exchange("POST", target, headers, b"{}")
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)


def test_headers_are_known_under_lower_case_names_and_may_go_on_in_the_next_line(
    ends: tuple[Wire, socket.socket],
) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-One:  a\r\n\tb \r\nno header\r\nx-two:\r\nX-TWO: last\r\nContent-Length: 2\r\n\r\n"
    answer = answered(ends, head + b"{}and more")
    assert answer.headers == {"x-one": "a b", "x-two": "last", "content-length": "2"}
    assert (answer.http_status, answer.body, answer.complete, answer.reusable) == (200, b"{}", True, True)


@pytest.mark.parametrize("length", ["-1", "two", "", "9" * 30])
def test_a_length_that_makes_no_sense_leaves_the_end_to_the_connection(
    ends: tuple[Wire, socket.socket], length: str
) -> None:
    answer = answered(ends, b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n{}" % length.encode())
    assert (answer.body, answer.complete, answer.reusable) == (b"{}", True, False)


def test_a_body_that_ends_before_its_length_is_cut_off(ends: tuple[Wire, socket.socket]) -> None:
    answer = answered(ends, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}")
    assert not answer.complete


def test_a_body_in_chunks_is_put_together(ends: tuple[Wire, socket.socket]) -> None:
    chunks = b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    answer = answered(ends, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 9\r\n\r\n" + chunks)
    assert (answer.body, answer.complete, answer.reusable) == (b"{}", True, True)


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
    ],
)
def test_a_connection_is_used_again_only_where_the_server_lets_it(
    ends: tuple[Wire, socket.socket], head: bytes, *, reusable: bool
) -> None:
    assert answered(ends, head).reusable is reusable


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/2 200\r\n\r\n",
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_or_has_no_end_of_headers_is_an_error(ends: tuple[Wire, socket.socket], answer: bytes) -> None:
    with pytest.raises(http.client.HTTPException):
        answered(ends, answer)
