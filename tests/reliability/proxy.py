"""A TCP proxy that cuts, delays or truncates what passes through it."""

from __future__ import annotations

import random
import socket
import threading
import time
from urllib.parse import urlsplit


class Proxy:
    """Forwards connections to the sandbox; harms so large a share of them."""

    def __init__(self, url: str, *, share: float, seed: int) -> None:
        target = urlsplit(url)
        self._target = (target.hostname or "127.0.0.1", target.port or 80)
        self._share, self._chance = share, random.Random(seed)
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}{target.path}"
        self.harmed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            harm = None
            if self._chance.random() < self._share:
                self.harmed += 1
                harm = self._chance.choice(["cut request", "cut answer", "truncate answer", "delay"])
            threading.Thread(target=self._forward, args=(client, harm), daemon=True).start()

    def _forward(self, client: socket.socket, harm: str | None) -> None:
        with client, socket.create_connection(self._target) as server:
            limit = 40 if harm == "cut request" else None
            back = threading.Thread(target=self._answer, args=(client, server, harm), daemon=True)
            back.start()
            _pump(client, server, limit)
            if harm == "cut request":
                _reset(server)
            back.join(timeout=10)

    def _answer(self, client: socket.socket, server: socket.socket, harm: str | None) -> None:
        if harm == "delay":
            time.sleep(0.5)
        limits = {"cut answer": 0, "truncate answer": 120}
        _pump(server, client, limits.get(harm or ""))
        if harm in limits:
            _reset(client)

    def close(self) -> None:
        self._server.close()


def _pump(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data if limit is None else data[:limit])
            if limit is not None:
                return
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _reset(sock: socket.socket) -> None:
    import struct

    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
