"""One process that stages, delivers and writes back, as the DAG's tasks do; started by the harness, often to be killed.

Its leases last seconds instead of a minute, so that a round does too.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from typing import Any

from sqlalchemy import create_engine

from kombo_provider.client import KomboClient
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.delivery import books
from kombo_provider.delivery.deliver import deliver
from kombo_provider.delivery.pacing import Tuning
from kombo_provider.delivery.stage import MappingOptions, Narrowing, Stager
from kombo_provider.delivery.write_back import WriteBack
from kombo_provider.errors import ApiError, KomboError, LedgerError
from kombo_provider.ledger import lanes as lane_store
from kombo_provider.ledger import sending
from kombo_provider.ledger.ledger import Ledger
from kombo_provider.ledger.sending import Selection
from kombo_provider.ledger.staging import Staging
from kombo_provider.ledger.status import RunRef
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Window
from tests.reliability import broken, points

SOURCE, CONN = "people", "kombo_default"
TUNING = Tuning(
    first_pause=0.3, longest_pause=1.0, outage_pause=0.5, first_backoff=0.05, longest_backoff=0.5, patience=6.0
)
ATTEMPT_AGAIN_SECONDS = 0.2


def main() -> None:
    told: dict[str, Any] = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    lane_store.LEASE_SECONDS = told.get("lease_seconds", 1.5)
    books.LEASE_MARGIN_SECONDS = lane_store.LEASE_SECONDS / 3
    books.RENEW_AFTER_SECONDS = lane_store.LEASE_SECONDS / 6
    books.STATES_AFTER_SECONDS = 0.2
    for variant in told.get("broken", ()):
        broken.break_by(variant)
    if "kill_at" in told:
        points.kill_at(*told["kill_at"])
    if "kill_after" in told:
        points.kill_after(told["kill_after"])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _run(told, stop)


def _run(told: dict[str, Any], stop: threading.Event) -> None:
    run = RunRef("harness", told["run"])
    ledger = Ledger(_engine(told["database"]))
    _while_unreachable(ledger.ensure)
    if told.get("stage", True):
        _while_unreachable(lambda: _stage(told, ledger, run))
    client = KomboClient(api_key="sandbox-key", base_url=told["kombo"], timeout_seconds=told["timeout_seconds"])
    until = time.monotonic() + told.get("patience_seconds", 40)
    while not stop.is_set() and time.monotonic() < until:
        try:
            if _deliver(told, ledger, client, run, stop):
                break
        except (ApiError, LedgerError) as exc:
            logging.warning("%s", exc)
        stop.wait(ATTEMPT_AGAIN_SECONDS)
    if not stop.is_set():
        _while_unreachable(lambda: WriteBack(_engine(told["database"]), "people", "id").run(ledger, SOURCE))


def _stage(told: dict[str, Any], ledger: Ledger, run: RunRef) -> None:
    stager = Stager(ledger, Staging(SOURCE, CONN, "application", run), MappingOptions())
    reader = SourceReader(_engine(told["database"]), told["select"], where="the harness's SELECT")
    stager.run(reader, Window(), Narrowing(), None)


def _deliver(told: dict[str, Any], ledger: Ledger, client: KomboClient, run: RunRef, stop: threading.Event) -> bool:
    """One try of the task; False where it would be rescheduled or retried."""
    selection = Selection(SOURCE, CONN)
    with ledger.transaction() as conn:
        ready = sending.count_ready(conn, selection)
    if not ready and not told["integrations"]:
        return True
    report = deliver(
        ledger,
        client,
        selection,
        books.SendOptions(run, told["holder"], told["cap"], told["timeout_seconds"], TUNING),
        told["integrations"],
        stop=stop,
        read_file=lambda _: b"",
    )
    if report.problems:
        logging.warning("%s", report.problems)
    with ledger.transaction() as conn:
        left = sending.count_ready(conn, selection, told["integrations"])
        on_wire = sending.count_on_wire(conn)
    return not left and not on_wire and not report.held


def _engine(url: str) -> Any:
    return create_engine(url, **ENGINE_OPTIONS)


def _while_unreachable(action: Any) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            action()
        except KomboError:
            if time.monotonic() > until:
                raise
            time.sleep(ATTEMPT_AGAIN_SECONDS)
        else:
            return


if __name__ == "__main__":
    main()
