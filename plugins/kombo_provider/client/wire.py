"""One HTTP connection whose every read and write ends at a deadline."""

from __future__ import annotations

import contextlib
import http.client
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from kombo_provider.client.coding import decoded

LARGEST_ANSWER_BYTES: Final = 32 * 1024 * 1024

# TLS writes a record of at most 16 KiB at a time, each with a socket timeout of its own.
_PIECE_BYTES: Final = 16 * 1024

_BEGINNING_BYTES: Final = 4 * 1024

_MOST_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; where the body was cut off or too large, `body` is its beginning and `complete` false."""

    http_status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool
    reusable: bool = False
    too_large: bool = False


class DeadlineSocket:
    """The part of a socket that `http.client` uses, with one deadline for everything.

    A socket's own timeout begins anew with every byte, so that a server which dribbles holds a call for
    ever. Here it is set to what is left before every operation; later `settimeout` calls are not needed.
    """

    def __init__(self, sock: Any, *, deadline: float, clock: Callable[[], float]) -> None:
        self.deadline = deadline
        self._sock = sock
        self._clock = clock

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), _PIECE_BYTES):
            self.arm()
            self._sock.sendall(view[start : start + _PIECE_BYTES])

    def arm(self) -> None:
        """Give the next operation what is left; raises `TimeoutError` if nothing is."""
        left = self.deadline - self._clock()
        if left <= 0:
            raise TimeoutError("deadline passed")
        self._sock.settimeout(left)

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self, self._sock.makefile("rb", buffering=0)))

    def fileno(self) -> int:
        number: int = self._sock.fileno()
        return number

    def close(self) -> None:
        self._sock.close()


class _DeadlineReader(io.RawIOBase):
    def __init__(self, sock: DeadlineSocket, raw: Any) -> None:
        self._sock = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.arm()
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that begins behind all informational ones (1xx), as HTTP asks of clients."""

    def begin(self) -> None:
        """Read the head of the answer, and from it how the body ends.

        As http.client does it, but for its e-mail parser: that costs more than all the rest of an answer.
        """
        version, status, reason = self._read_status()
        if not version.startswith("HTTP/1."):
            raise http.client.UnknownProtocol(version)
        self.version = 10 if version == "HTTP/1.0" else 11
        self.code = self.status = status
        self.reason = reason.strip()
        self.headers = self.msg = _read_headers(self.fp)  # type: ignore[assignment]  # only looked up by name
        self.chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.length = self._length_of_body()
        # Without a length only the end of the connection ends the body.
        self.will_close = self._check_close() or (self.length is None and not self.chunked)  # type: ignore[attr-defined]

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        while 100 <= status < 200 and status != http.HTTPStatus.SWITCHING_PROTOCOLS:
            _read_headers(self.fp)
            version, status, reason = super()._read_status()  # type: ignore[misc]
        return version, status, reason

    def _length_of_body(self) -> int | None:
        if self.status in _WITHOUT_BODY:
            return 0
        length = self.headers.get("content-length", "")
        if self.chunked or not length.isdecimal() or len(length) > _MOST_DIGITS:
            return None
        return int(length)


_WITHOUT_BODY: Final = frozenset(
    {http.HTTPStatus.SWITCHING_PROTOCOLS, http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED}
)


def _read_headers(fp: Any) -> dict[str, str]:
    """Return the headers under lower-case names; of one that is there twice, the last."""
    headers: dict[str, str] = {}
    name = ""
    for line in http.client._read_headers(fp):  # type: ignore[attr-defined]  # bounds their number and length
        text = line.decode("latin-1")
        if text.startswith((" ", "\t")) and name:  # a header may go on in the next line (RFC 9112, 5.2)
            headers[name] += " " + text.strip()
            continue
        before, colon, after = text.partition(":")
        if colon:
            name = before.strip().lower()
            headers[name] = after.strip()
    return headers


def _head(method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Return what stands before a request's body; raises ValueError for what would change the lines that follow."""
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in headers.items():
        lines.append(f"{name}: {value}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if " " in target or not target.isascii() or not "".join(lines).isprintable():
        raise ValueError("a request line or a header holds characters that HTTP does not carry")
    lines += ["", ""]
    return "\r\n".join(lines).encode("latin-1")


class Wire:
    """Speaks HTTP over an open socket, which it never opens again."""

    def __init__(self, sock: DeadlineSocket) -> None:
        self._sock = sock
        self._response: http.client.HTTPResponse | None = None

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Send one request and return the answer; raises an OSError, HTTPException or ValueError without one."""
        head = _head(method, target, headers, body)
        # A server may answer and close before it has read all: then the answer counts.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._send(head, body or b"")
        self._response = response = _Response(self._sock, method=method)  # type: ignore[arg-type]  # makefile is enough
        response.begin()
        answer = _read(response)
        return replace(answer, reusable=answer.complete and not response.will_close)

    def _send(self, head: bytes, body: bytes) -> None:
        if len(head) + len(body) <= _PIECE_BYTES:
            self._sock.sendall(head + body)  # in one packet, where it fits
            return
        self._sock.sendall(head)
        self._sock.sendall(body)

    def renew(self, deadline: float) -> None:
        """Give the next exchange on this connection a new deadline."""
        self._sock.deadline = deadline

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        """Close the connection, also under an answer that was not read to its end."""
        for part in (self._response, self._sock):
            if part is not None:
                with contextlib.suppress(OSError, ValueError):  # what was learned must not be lost to a bad farewell
                    part.close()


def _read(response: http.client.HTTPResponse) -> Answer:
    """Return the answer; of a body that did not arrive whole, or that cannot be read, only the beginning is kept."""
    content, arrived, too_large = _received(response)
    body, is_all = decoded(content, response.headers.get("content-encoding"), most_bytes=LARGEST_ANSWER_BYTES)
    complete = arrived and is_all and not _may_be_cut(response, body)
    if not complete:
        too_large = too_large or len(body) == LARGEST_ANSWER_BYTES
        body = body[:_BEGINNING_BYTES]
    return Answer(response.status, dict(response.headers), body, complete, too_large=too_large)


def _may_be_cut(response: http.client.HTTPResponse, body: bytes) -> bool:
    """Return whether nothing says that the body is all there was, and it says nothing itself."""
    if response.chunked:
        return False
    if response.headers.get("transfer-encoding"):  # one that is not read here
        return True
    return response.length is None and not body.strip()


def _received(response: http.client.HTTPResponse) -> tuple[bytes, bool, bool]:
    """Return the body as it was sent, whether it is whole, and whether it is too large; of a part the beginning."""
    content = bytearray()
    try:
        while piece := response.read1(_PIECE_BYTES):
            content += piece
            if len(content) > LARGEST_ANSWER_BYTES:
                return bytes(content[:_BEGINNING_BYTES]), False, True
    except (OSError, http.client.HTTPException, ValueError):
        return bytes(content[:_BEGINNING_BYTES]), False, False
    if response.length:
        return bytes(content[:_BEGINNING_BYTES]), False, False
    response.read()  # reads nothing more, and lets the connection be used again
    return bytes(content), True, False
