"""Bytes of HTTP/1.1 to requests, replies to bytes."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kombo_sandbox.exchange import Reply

MAX_HEAD_BYTES = 65_536  # without an end a client could fill the memory before its first request is complete


class BadRequestError(Exception):
    """The bytes are not HTTP/1.1, or more than the server takes."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class RawRequest:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


class RequestReader:
    """Collects what arrives on one connection; `next()` gives complete requests, one at a time."""

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._buffer = bytearray()
        self._head: tuple[str, str, dict[str, str], bool] | None = None
        self._chunks: bytearray | None = None
        self._missing = 0
        self.wants_continue = False

    def feed(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > self._max_body_bytes + MAX_HEAD_BYTES:
            raise BadRequestError(413, f"more than {self._max_body_bytes} bytes in one request")

    def next(self) -> RawRequest | None:
        """The next complete request; None while some of it is still to come."""
        if self._head is None and not self._read_head():
            return None
        body = self._read_body()
        if body is None or self._head is None:
            return None
        method, target, headers, keep_alive = self._head
        self._head, self._chunks, self.wants_continue = None, None, False
        return RawRequest(method, target, headers, body, keep_alive)

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BadRequestError(431, "the request's head is too long")
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        method, target, version = _request_line(lines[0])
        headers = _header_lines(lines[1:])
        connection = headers.get("connection", "").lower()
        # HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 closes it.
        keep_alive = connection == "keep-alive" or (version == "HTTP/1.1" and connection != "close")
        self._head = (method, target, headers, keep_alive)
        self._expect_body(headers)
        return True

    def _expect_body(self, headers: dict[str, str]) -> None:
        self._missing, self._chunks = 0, None
        # Where both are given the chunks count (RFC 9112, 6.3).
        if "chunked" in headers.get("transfer-encoding", "").lower():
            self._chunks = bytearray()
        elif (length := headers.get("content-length")) is not None:
            if not length.isdecimal():
                raise BadRequestError(400, "Content-Length is not a number")
            self._missing = int(length)
            if self._missing > self._max_body_bytes:
                raise BadRequestError(413, f"a body of more than {self._max_body_bytes} bytes")
        self.wants_continue = headers.get("expect", "").lower() == "100-continue"

    def _read_body(self) -> bytes | None:
        if self._chunks is not None:
            return self._read_chunked(self._chunks)
        return self._read_counted()

    def _read_counted(self) -> bytes | None:
        if len(self._buffer) < self._missing:
            return None
        body = bytes(self._buffer[: self._missing])
        del self._buffer[: self._missing]
        return body

    def _read_chunked(self, chunks: bytearray) -> bytes | None:
        while (line_end := self._buffer.find(b"\r\n")) >= 0:
            size = _chunk_size(bytes(self._buffer[:line_end]))
            end = line_end + 2 + size + 2
            if len(self._buffer) < end:
                return None
            chunks += self._buffer[line_end + 2 : line_end + 2 + size]
            del self._buffer[:end]
            if len(chunks) > self._max_body_bytes:
                raise BadRequestError(413, f"a body of more than {self._max_body_bytes} bytes")
            if size == 0:
                return bytes(chunks)
        return None


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequestError(400, "not a request line of HTTP/1.1")
    return parts[0], parts[1], parts[2]


def _header_lines(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequestError(400, "a header line without a colon")
        headers[name.strip().lower()] = value.strip()
    return headers


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError as exc:
        raise BadRequestError(400, "a chunk without its size") from exc


_REASONS = {status.value: status.phrase for status in HTTPStatus}


def to_bytes(reply: Reply) -> bytes:
    """The reply as it goes over the wire."""
    length = reply.claimed_length
    if length is None:
        length = len(reply.body)
    head = (
        f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, '')}\r\n"
        f"Content-Type: {reply.content_type}\r\nContent-Length: {length}\r\n"
    )
    extra = "".join(f"{name}: {value}\r\n" for name, value in reply.headers)
    closing = "Connection: close\r\n"
    if reply.then == "keep":
        closing = ""
    interim = "".join(f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n\r\n" for status in reply.interim)
    return f"{interim}{head}{extra}{closing}\r\n".encode("latin-1") + reply.body
