"""Named points at which a sending process is killed: its functions are wrapped, nothing is built into the product."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from kombo_provider.client import wire
from kombo_provider.delivery import books, write_back
from kombo_provider.ledger import ids, sending, staging

POINTS = (
    "staged, before commit",
    "intent, before commit",
    "intent, after commit",
    "before the first byte",
    "after the last byte",
    "answer at hand, before it is recorded",
    "result, before commit",
    "result, after commit",
    "ids in the target, before the ledger knows",
)


def kill_at(point: str, count: int) -> None:
    """Kill this process with SIGKILL at the `count`-th time that it comes to the point."""
    left = [count]
    lock = threading.Lock()

    def arrive() -> None:
        with lock:
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    _ARM[point](arrive)


def kill_after(seconds: float) -> None:
    """Kill this process with SIGKILL at some time, whatever it is doing."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
    timer.start()


def _wrap(
    owner: Any, name: str, *, before: Callable[..., None] | None = None, after: Callable[[Any], None] | None = None
) -> None:
    original = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before is not None:
            before(*args)
        result = original(*args, **kwargs)
        if after is not None:
            after(result)
        return result

    setattr(owner, name, wrapped)


def _staged(arrive: Callable[[], None]) -> None:
    _wrap(staging, "stage", after=lambda _: arrive())


def _intent_uncommitted(arrive: Callable[[], None]) -> None:
    _wrap(sending, "claim", after=lambda intents: arrive() if intents else None)


def _intent_committed(arrive: Callable[[], None]) -> None:
    _wrap(books.Books, "commit", after=lambda claimed: arrive() if claimed else None)


def _before_first_byte(arrive: Callable[[], None]) -> None:
    _wrap(wire.Wire, "exchange", before=lambda _, method, *__: arrive() if method == "POST" else None)


def _after_last_byte(arrive: Callable[[], None]) -> None:
    import http.client

    original = http.client.HTTPConnection.request

    def request(self: Any, method: str, *args: Any, **kwargs: Any) -> None:
        original(self, method, *args, **kwargs)
        if method == "POST":
            arrive()

    http.client.HTTPConnection.request = request  # type: ignore[method-assign,assignment]


def _answered(arrive: Callable[[], None]) -> None:
    _wrap(wire.Wire, "exchange", after=lambda answer: arrive() if b"candidate" in answer.body else None)


def _result_uncommitted(arrive: Callable[[], None]) -> None:
    original = sending.record

    def record(conn: Any, results: Any, run: Any) -> None:
        original(conn, results, run)
        if results:
            arrive()

    sending.record = record


def _result_committed(arrive: Callable[[], None]) -> None:
    original = books.Books.commit

    def commit(self: Any, results: Any, lanes: Any, *, claim: bool = True) -> Any:
        claimed = original(self, results, lanes, claim=claim)
        if results:
            arrive()
        return claimed

    books.Books.commit = commit  # type: ignore[method-assign]


def _written_back(arrive: Callable[[], None]) -> None:
    _wrap(ids, "mark_written_back", before=lambda *_: arrive())
    assert write_back.id_store is ids


_ARM: dict[str, Callable[[Callable[[], None]], None]] = dict(
    zip(
        POINTS,
        (
            _staged,
            _intent_uncommitted,
            _intent_committed,
            _before_first_byte,
            _after_last_byte,
            _answered,
            _result_uncommitted,
            _result_committed,
            _written_back,
        ),
        strict=True,
    )
)
