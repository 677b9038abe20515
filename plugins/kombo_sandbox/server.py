"""The listening socket and its connections: asyncio, one thread."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, unquote

from kombo_sandbox.exchange import Reply, Request, json_reply
from kombo_sandbox.wire import BadRequestError, RawRequest, RequestReader, to_bytes

if TYPE_CHECKING:
    from kombo_sandbox.app import App

BACKLOG = 4096
_LINGER_ZERO = struct.pack("ii", 1, 0)


class Server:
    """Serves one `App`; `start` binds, `run` serves until `stop`, or until nobody asked for so long."""

    def __init__(self, app: App, host: str, port: int, max_idle_seconds: float = 0) -> None:
        self.app = app
        self.host = host
        self.port = port
        self._max_idle_seconds = max_idle_seconds
        self._stop = asyncio.Event()
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.last_request_at = time.monotonic()
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Binds; raises OSError where the port is taken."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self), self.host, self.port, backlog=BACKLOG)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def run(self) -> None:
        idle = asyncio.create_task(self._stop_when_idle()) if self._max_idle_seconds else None
        await self._stop.wait()
        if idle:
            idle.cancel()
        self._close()

    def stop(self) -> None:
        """Ends `run` at once; requests in flight get no answer."""
        self._stop.set()

    def _close(self) -> None:
        if self._listener:
            self._listener.close()
        for task in list(self.tasks):
            task.cancel()
        for connection in list(self.connections):
            connection.abort()
        self.app.close()

    async def _stop_when_idle(self) -> None:
        while True:
            left = self.last_request_at + self._max_idle_seconds - time.monotonic()
            if left <= 0 and not self.tasks:
                self.stop()
                return
            await asyncio.sleep(min(max(left, 0.05), 60))


class Connection(asyncio.Protocol):
    """One client's connection: its requests are answered one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader = RequestReader(server.app.settings.of("max_body_bytes"))
        self._gone = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        self._gone.set()
        self._transport = None
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            if not self._busy:
                self._take_next()
        except BadRequestError as exc:
            error = {"code": "PLATFORM.INPUT_INVALID", "title": None, "message": str(exc), "log_url": None}
            reply = json_reply({"status": "error", "error": error}, exc.status)
            reply.then = "close"
            self._send(reply)

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def _take_next(self) -> None:
        raw = self._reader.next()
        if raw is None:
            # curl waits a second for it before it sends a body.
            if self._reader.wants_continue and self._transport:
                self._reader.wants_continue = False
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self._busy = True
        self._server.last_request_at = time.monotonic()
        if self._idle_timer:
            self._idle_timer.cancel()
        task = asyncio.get_running_loop().create_task(self._answer(raw))
        self._server.tasks.add(task)
        task.add_done_callback(self._after_answer)

    def _after_answer(self, task: asyncio.Task[None]) -> None:
        self._server.tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            self.abort()
            asyncio.get_running_loop().call_exception_handler({"message": "bug in the sandbox", "exception": failure})

    async def _answer(self, raw: RawRequest) -> None:
        reply = await self._server.app.answer(_to_request(raw, self._gone))
        if not raw.keep_alive and reply.then == "keep":
            reply.then = "close"
        self._server.last_request_at = time.monotonic()
        self._busy = False
        self._send(reply)
        if reply.then == "keep":
            self._close_when_idle()
            self.data_received(b"")  # a client may have sent its next request without waiting

    def _send(self, reply: Reply) -> None:
        transport = self._transport
        if transport is None:
            return
        if reply.then == "reset":
            # Without waiting for what is unsent, the kernel sends RST in place of FIN: the client sees a reset.
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            transport.abort()
            return
        if reply.status:
            transport.write(to_bytes(reply))
        if reply.then == "close":
            transport.close()

    def _close_when_idle(self) -> None:
        seconds = self._server.app.settings.of("keep_alive_seconds")
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(seconds, self._close_if_unused)

    def _close_if_unused(self) -> None:
        if self._transport and not self._busy:
            self._transport.close()


def _to_request(raw: RawRequest, gone: asyncio.Event) -> Request:
    path, _, query = raw.target.partition("?")
    # Decoded after the split: `%2F` in the id of a `remote:` job ends no segment.
    segments = path.strip("/").split("/")
    if "%" in path:
        segments = [unquote(segment) for segment in segments]
    values = {}
    if query:
        values = dict(parse_qsl(query, keep_blank_values=True))
    return Request(raw.method, raw.target, tuple(segments), values, raw.headers, raw.body, gone)
