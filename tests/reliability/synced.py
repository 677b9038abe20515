"""A sandbox that holds many applications, a ledger that bears their ids, and a process that syncs them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from kombo_provider.client import KomboClient, wire
from kombo_provider.client.client import Model
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger, RunRef, pulled, pulls, staging
from kombo_provider.ledger.staging import Staging
from kombo_provider.sync.fleet import Fleet
from kombo_provider.sync.pacing import SharedPace
from kombo_provider.sync.plan import Wanted
from kombo_sandbox.records import kombo_id
from kombo_sandbox.testing import API_KEY
from tests.unit.ledger.book import VALID

MODELS: tuple[Model, ...] = ("applications", "candidates")
PAGE = 250
CONNECTION = "kombo_default"


def integrations(count: int) -> list[str]:
    """Return the names of so many integrations."""
    return [f"greenhouse:fleet{number:03}" for number in range(count)]


def write_state(path: Path, names: list[str], each: int) -> None:
    """Write a sandbox's state in which each integration has so many applications."""
    at = int(time.time() * 1000) - 3_600_000
    with path.open("w") as lines:
        for name in names:
            for number in range(each):
                lines.write(json.dumps(_create(name, number, at), separators=(",", ":")) + "\n")


def _create(integration_id: str, number: int, at: int) -> dict[str, Any]:
    person = {"first_name": "Ada", "last_name": f"No {number}", "email_address": f"{number}@{integration_id[-8:]}.org"}
    made = {"event": "create", "integration_id": integration_id, "at": at, "job": "remote:7", "profile": person}
    return made | {"source": "Tests", "stage": None, "answers": [], "visibility": "at_once", "lost": False}


def open_ledger(url: str) -> Ledger:
    """Open a ledger, made where there is none."""
    ledger = Ledger(create_engine(url, **ENGINE_OPTIONS))
    ledger.ensure()
    return ledger


def bear(ledger: Ledger, names: list[str], each: int) -> None:
    """Let the ledger bear the ids of all of them."""
    told = Staging("crm.applicants", CONNECTION, "application", RunRef("push", "1"))
    for name in names:
        ids = [kombo_id(name, str(number + 1)) for number in range(each)]
        rows = [VALID.but(applicant_id=i, integration_id=name, already_sent=i, payload=None) for i in ids]
        with ledger.transaction() as conn:
            staging.lock_source(conn, told.source)
            staging.stage(conn, told, rows)


def sync(ledger: Ledger, sandbox_url: str, *models: Model, **wanted: Any) -> dict[str, int]:
    """Sync every integration of the ledger over HTTP; return the counts."""
    pace = SharedPace(ledger, CONNECTION, turn_seconds=3600.0)
    client = KomboClient(api_key=API_KEY, base_url=sandbox_url, timeout_seconds=60.0, pacing=pace)
    try:
        report = Fleet(ledger, client, CONNECTION, Wanted(**wanted)).sync(models or MODELS)
    finally:
        client.close()
    assert (report.failed, report.left) == ({}, [])
    return dict(report.counts)


def killed_sync(database: str, sandbox_url: str, point: str, count: int) -> None:
    """Sync in a process that dies by SIGKILL when it comes to a point for the `count`-th time; 0 is a life."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    left = [count]

    def arrive() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    _ARM[point](arrive)
    sync(open_ledger(database), sandbox_url)
    os._exit(0)


def _asked(arrive: Callable[[], None]) -> None:
    exchange = wire.Wire.exchange

    def asking(self: wire.Wire, *request: Any) -> Any:
        arrive()
        return exchange(self, *request)

    wire.Wire.exchange = asking


def _read(arrive: Callable[[], None]) -> None:
    hold = pulls.hold

    def reading(*of: Any) -> bool:
        arrive()
        return hold(*of)

    pulls.hold = reading


def _stored(arrive: Callable[[], None]) -> None:
    for name in ("store_applications", "store_candidates"):
        setattr(pulled, name, _then(getattr(pulled, name), arrive))


def _finished(arrive: Callable[[], None]) -> None:
    pulls.finish = _then(pulls.finish, arrive)


def _then(original: Callable[..., Any], arrive: Callable[[], None]) -> Callable[..., Any]:
    def wrapped(*of: Any, **named: Any) -> Any:
        result = original(*of, **named)
        arrive()
        return result

    return wrapped


_ARM: dict[str, Callable[[Callable[[], None]], None]] = {
    "asked for": _asked,
    "read, nothing stored": _read,
    "stored, before commit": _stored,
    "watermark moved, before commit": _finished,
}


def kills() -> Iterator[tuple[str, int]]:
    """Yield points, with the page at which a process is to die there."""
    yield from (("asked for", page) for page in (1, 9))
    yield "read, nothing stored", 6
    yield from (("stored, before commit", page) for page in (3, 7))
    yield from (("watermark moved, before commit", pull) for pull in (1, 4))
