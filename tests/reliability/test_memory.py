"""A sending task stays within 400 MiB, however large the rows and their files are (promise P8)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kombo_sandbox.testing import API_KEY, SandboxProcess

_PROCESS = """
import json, sys, threading
from datetime import timedelta
from pathlib import Path
from sqlalchemy import create_engine
import airflow.sdk
from kombo_provider.client import KomboClient
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.doubts.resolve import resolve
from kombo_provider.ledger import Ledger, RunRef, doubts, lane_states, staging
from kombo_provider.ledger.selection import Selection
from kombo_provider.mapping import MappedRow
from kombo_provider.sending.deliver import deliver
from kombo_provider.sending.options import SendOptions

def row(number):
    cv = {"name": "cv.pdf", "type": "CV", "content_type": "application/pdf"}
    cv |= {"data": "A" * (SIZE * 4 // 3 // 4 * 4)} if INLINE else {"path": f"s3://b/{number}"}
    name = {"first_name": "A" + TEXT, "last_name": "B", "email_address": f"a{number}@example.com"}
    target = {"application": {"job_id": "job"}} if endpoint == "candidate" else {}
    body = json.dumps({**target, "candidate": name, "attachments": [cv]}, ensure_ascii=False)
    return MappedRow("ats:4bTqXnR8vKc2LmYw7HdPz3J1", str(number), "job", body, f"{number:064}",
        None, None, None, False, None, not INLINE)

def peak_mib():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024

url, key, base_url, what, rows, endpoint = sys.argv[1:]
SIZE, INLINE, TEXT = 7_000_000, what != "paths", "\\N{GRINNING FACE}" if what == "wide" else ""
run = RunRef("d", "r")
ledger = Ledger(create_engine(url, **ENGINE_OPTIONS))
ledger.ensure()
with ledger.transaction() as conn:
    staging.lock_source(conn, "s")
for number in range(int(rows)):
    with ledger.transaction() as conn:
        staging.stage(conn, staging.Staging("s", "k", endpoint, run), [row(number)])
with ledger.transaction() as conn:
    lane_states.set_state(conn, "k", "ats:4bTqXnR8vKc2LmYw7HdPz3J1", lane_states.LaneState.OPEN)
    lane_states.see_cap(conn, "k", "ats:4bTqXnR8vKc2LmYw7HdPz3J1", 30)
client = KomboClient(api_key=key, base_url=base_url, timeout_seconds=250.0)
if what == "doubts":
    with ledger.transaction() as conn:
        conn.exec_driver_sql("UPDATE kombo_deliveries SET status = 'in_doubt', attempts = 1, sent_at = staged_at, "
            "first_sent_at = staged_at")
    counts = resolve(ledger, client, "s", "k", run)
    with ledger.transaction() as conn:
        resent = doubts.order_automatic_resends(conn, "s", timedelta(hours=-1), run)
    print(sum(counts.values()), resent, peak_mib())
    sys.exit()
report = deliver(ledger, client, Selection("s", "k"), SendOptions(run, "h", 30, 250.0),
    ["ats:4bTqXnR8vKc2LmYw7HdPz3J1"], stop=threading.Event(), read_file=lambda _: bytes(SIZE))
(numbers,) = report.numbers.values()
print(numbers["delivered"], numbers["peak_in_flight"], peak_mib())
"""


pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux' /proc")


@pytest.mark.parametrize("what", ["paths", "inline", "wide"])
def test_thirty_requests_with_7_mb_files_stay_within_400_mib(database_url: str, what: str) -> None:
    delivered, in_flight, peak_mib = _figures(database_url, what)
    assert delivered == 30
    assert in_flight > 1
    assert peak_mib <= 400


@pytest.mark.parametrize("endpoint", ["application", "candidate"])
def test_two_hundred_applicants_with_7_mb_files_stay_within_400_mib(tmp_path: Path, endpoint: str) -> None:
    delivered, in_flight, peak_mib = _figures(f"sqlite:///{tmp_path}/ledger.db", "paths", rows=200, endpoint=endpoint)
    assert delivered == 200
    assert 1 < in_flight <= 30
    assert peak_mib <= 400


def test_thirty_doubts_with_7_mb_files_are_looked_up_and_resent_within_400_mib(database_url: str) -> None:
    looked_up, resent, peak_mib = _figures(database_url, "doubts")
    assert (looked_up, resent) == (30, 30)
    assert peak_mib <= 400


def _figures(database_url: str, what: str, *, rows: int = 30, endpoint: str = "application") -> tuple[int, ...]:
    """What a process of its own prints: two counts and its peak in MiB."""
    with SandboxProcess(latency_seconds=0.3) as sandbox:
        command = [sys.executable, "-c", _PROCESS, database_url, API_KEY, sandbox.url, what, str(rows), endpoint]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=550, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    *warnings, figures = ended.stdout.splitlines()
    print(*warnings, sep="\n")
    return tuple(map(int, figures.split()))
