"""Named points at which a process is killed: its functions are wrapped, nothing is built into the product."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from kombo_provider.client import wire
from kombo_provider.ledger import Ledger, delivered_ids, leases, results, staging
from kombo_provider.sending import group_commit
from kombo_provider.sending.commit_step import CommitStep
from kombo_provider.staging import stager as stage_module
from kombo_provider.write_back import joined_update

Arrive = Callable[[], None]


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


def _wrap(owner: Any, name: str, *, before: Callable[..., None] | None = None, after: Any = None) -> None:
    """Call `before` with the arguments, `after` with the result and the arguments."""
    original = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before is not None:
            before(*args)
        result = original(*args, **kwargs)
        if after is not None:
            after(result, *args)
        return result

    setattr(owner, name, wrapped)


def _staged(arrive: Arrive) -> None:
    _wrap(staging, "stage", after=lambda *_: arrive())


def _staged_for_good(arrive: Arrive) -> None:
    _wrap(stage_module.Stager, "_stage", after=lambda *_: arrive())


def _intent_uncommitted(arrive: Arrive) -> None:
    def claimed(_result: None, _group: Any, _conn: Connection, step: CommitStep, *_wanting: Any) -> None:
        if step.claimed:
            arrive()

    _wrap(group_commit.GroupCommit, "_claim", after=claimed)


def _intent_committed(arrive: Arrive) -> None:
    _wrap(group_commit.GroupCommit, "commit", after=lambda claimed, *_: arrive() if claimed else None)


def _before_first_byte(arrive: Arrive) -> None:
    _wrap(wire.Wire, "exchange", before=lambda _, method, *__: arrive() if method == "POST" else None)


def _after_last_byte(arrive: Arrive) -> None:
    _wrap(wire.Wire, "_send", after=lambda _, __, head, *___: arrive() if head.startswith(b"POST ") else None)


def _answered(arrive: Arrive) -> None:
    _wrap(wire.Wire, "exchange", after=lambda _, __, method, *___: arrive() if method == "POST" else None)


def _result_uncommitted(arrive: Arrive) -> None:
    _wrap(results, "record", after=lambda _, __, answered, *___: arrive() if answered else None)


def _result_committed(arrive: Arrive) -> None:
    _wrap(group_commit.GroupCommit, "commit", after=lambda _, __, answered, *___: arrive() if answered else None)


def _doubt_uncommitted(arrive: Arrive) -> None:
    _wrap(leases, "put_in_doubt", after=lambda count, *_: arrive() if count else None)


def _doubt_committed(arrive: Arrive) -> None:
    settled = threading.Event()
    _wrap(leases, "put_in_doubt", after=lambda count, *_: settled.set() if count else None)
    transaction = Ledger.transaction

    @contextmanager
    def arriving(self: Ledger) -> Iterator[Connection]:
        with transaction(self) as conn:
            yield conn
        if settled.is_set():
            arrive()

    Ledger.transaction = arriving


def _ids_half_written(arrive: Arrive) -> None:
    _wrap(joined_update.JoinedUpdate, "write", after=lambda *_: arrive())


def _ids_written(arrive: Arrive) -> None:
    _wrap(delivered_ids, "mark_written_back", before=lambda *_: arrive())


def _ids_known(arrive: Arrive) -> None:
    _wrap(delivered_ids, "mark_written_back", after=lambda *_: arrive())


WHILE_SENDING: dict[str, Callable[[Arrive], None]] = {
    "intent, before commit": _intent_uncommitted,
    "intent, after commit": _intent_committed,
    "before the first byte": _before_first_byte,
    "after the last byte": _after_last_byte,
    "answer at hand, before it is recorded": _answered,
    "result, before commit": _result_uncommitted,
    "result, after commit": _result_committed,
}
"""Points that a process passes many times, with other requests on the wire."""

AFTER_A_KILL: dict[str, Callable[[Arrive], None]] = {
    "doubt, before commit": _doubt_uncommitted,
    "doubt, after commit": _doubt_committed,
}
"""Points that a process passes where a dead one left rows `sending`."""

BESIDE: dict[str, Callable[[Arrive], None]] = {
    "staged, before commit": _staged,
    "staged, after commit": _staged_for_good,
    "ids in the target, before commit": _ids_half_written,
    "ids in the target, before the ledger knows": _ids_written,
    "ids known to the ledger, before commit": _ids_known,
}
"""Points before the first request, and after the last."""

_ARM = WHILE_SENDING | AFTER_A_KILL | BESIDE
POINTS = tuple(_ARM)
