"""A TCP server for tests that does to each connection what its next script says."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    raw_head: bytes


@dataclass
class Peer:
    """The server's end of one connection."""

    sock: socket.socket
    requests: list[Request]
    stopped: threading.Event
    _buffer: bytes = field(default=b"")

    def read_head(self) -> bytes:
        while b"\r\n\r\n" not in self._buffer:
            received = self.sock.recv(65_536)
            if not received:
                raise ConnectionError
            self._buffer += received
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head

    def read_request(self) -> Request:
        head = self.read_head()
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            received = self.sock.recv(1 << 20)
            if not received:
                raise ConnectionError
            self._buffer += received
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        request = Request(method, target, headers, body, head)
        self.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        """Close with a TCP reset instead of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def dribble(self, data: bytes, every_seconds: float) -> None:
        """Send byte after byte until the client or the test has had enough."""
        for index in range(len(data)):
            if self.stopped.wait(every_seconds):
                return
            self.sock.sendall(data[index : index + 1])


Script = Callable[[Peer], None]


class ScriptedServer:
    """Runs one script per connection, in order; the last one also serves all later connections."""

    def __init__(self, *scripts: Script, wrap: Callable[[socket.socket], socket.socket] | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.stopped = threading.Event()
        self._scripts = list(scripts)
        self._wrap = wrap or (lambda sock: sock)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=700)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def close(self) -> None:
        self.stopped.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            threading.Thread(target=self._run, args=(script, sock), daemon=True).start()

    def _run(self, script: Script, sock: socket.socket) -> None:
        try:
            with self._wrap(sock) as wrapped:
                script(Peer(wrapped, self.requests, self.stopped))
        except OSError:
            sock.close()


def http_answer(http_status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """Return an answer's bytes; anything but bytes becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Length": str(len(content)), **(headers or {})}
    lines = [f"HTTP/1.1 {http_status} Status", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content


def answers(http_status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> Script:
    """A connection that answers each of its requests alike and stays open until the client closes."""

    def script(peer: Peer) -> None:
        while True:
            request = peer.read_request()
            peer.send(http_answer(http_status, body, headers))
            if request.headers.get("connection") == "close":
                return

    return script


def success(data: object, warnings: object = ()) -> dict[str, Any]:
    return {"status": "success", "data": data, "warnings": list(warnings)}  # type: ignore[call-overload]


def error(code: object, **details: object) -> dict[str, Any]:
    return {"status": "error", "error": {"code": code, "title": None, "message": "m", "log_url": None} | details}


APPLICATION = success({"id": "app-1", "remote_id": "r-1", "candidate_id": "cand-1", "candidate": None})
