"""P11: a stop costs no doubt that patience settles. The ledger stands at once, late answers are recorded meanwhile.

`make torture` plays twenty stops at a latency of 20 s with a grace of 60 s.
"""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.context import ForkServerProcess

from kombo_sandbox.testing import Sandbox
from tests.postgres import PostgresServer
from tests.reliability.rounds import Round, new_database

STOPS = int(os.environ.get("STOPS", "2"))
"""On both databases by turns, all at once; make torture sets both."""
LATENCY_SECONDS = float(os.environ.get("STOP_LATENCY", "12"))
IN_FLIGHT = 30
WIND_DOWN_SECONDS = 3.0


def test_no_row_is_left_in_doubt_that_is_answered_while_a_stopped_process_lives(
    postgres_server: PostgresServer,
) -> None:
    with ThreadPoolExecutor(STOPS) as pool:
        complaints = pool.map(lambda number: _stopped(number, postgres_server), range(STOPS))
        found = dict(enumerate(complaints))
    assert found == {number: [] for number in range(STOPS)}


def _stopped(number: int, postgres: PostgresServer) -> list[str]:
    """Stop a busy process as a pod's end does, some time before its answers come; return what does not hold."""
    pause = random.Random(number).random() * (LATENCY_SECONDS - WIND_DOWN_SECONDS) / 4
    database = ("sqlite", "postgresql")[number % 2]
    with new_database(database, postgres) as url, Sandbox(latency_seconds=LATENCY_SECONDS) as sandbox:
        round_ = Round(url, sandbox, cap=IN_FLIGHT, timeout_seconds=3 * LATENCY_SECONDS, lease_seconds=60.0)
        try:
            process = round_.start_busy(IN_FLIGHT)
            time.sleep(pause)
            process.terminate()
            return [*_until_the_ledger_stands(round_, process), *_once_it_has_ended(round_, process)]
        finally:
            round_.close()


def _until_the_ledger_stands(round_: Round, process: ForkServerProcess) -> list[str]:
    """Wait until it is as if the process had died: long before the answers, which the sandbox still owes."""
    while round_.on_the_wire() and process.is_alive():
        time.sleep(0.1)
    statuses, owed = round_.statuses(), round_.in_flight()
    found = [] if round_.held_lanes() == 0 else ["a lane is held"]
    if owed < IN_FLIGHT:
        found.append(f"the ledger stands so late that only {owed} answers are owed")
    if statuses["in_doubt"] < owed:
        found.append(f"{owed} answers are owed, and {statuses['in_doubt']} rows in doubt")
    return found


def _once_it_has_ended(round_: Round, process: ForkServerProcess) -> list[str]:
    """Wait for the process's own end, within its grace; nobody may be in doubt, and nothing have begun since."""
    process.join(3 * LATENCY_SECONDS)
    statuses, created = round_.statuses(), len(round_.sandbox.creates())
    found = ["it outlives its grace"] if process.is_alive() else []
    if statuses["in_doubt"] or statuses["sending"]:
        found.append(f"answered within the grace, and not settled: {statuses}")
    if statuses["delivered"] != created:
        found.append(f"{created} were created, and {statuses['delivered']} count as delivered")
    if not statuses["ready"]:
        found.append("it sent on until nothing was left")
    return found
