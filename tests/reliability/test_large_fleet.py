"""A fleet is synced over HTTP in the fewest requests there can be, and in memory that does not grow with it.

`make fleet` plays 100,000 applications on 50 integrations on each database.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from kombo_provider.ledger._sync_tables import applications
from kombo_sandbox.testing import SandboxProcess
from tests.reliability import synced

APPLICATIONS = int(os.environ.get("FLEET_APPLICATIONS", "10000"))
LANES = synced.integrations(50)
EACH = APPLICATIONS // len(LANES)
MAY_GROW_MIB = 40
AT_MOST_MIB = 150
_PROCESS = """
import json, sys
from pathlib import Path
from tests.reliability import synced

def peak_mib():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024

url, sandbox = sys.argv[1:]
ledger = synced.open_ledger(url)
before = peak_mib()
counts = synced.sync(ledger, sandbox, "applications")
print(json.dumps({"before": before, "peak": peak_mib(), "counts": counts}))
"""


def sync(url: str, sandbox: SandboxProcess) -> dict[str, Any]:
    command = [sys.executable, "-c", _PROCESS, url, sandbox.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_fifty_integrations_take_a_request_for_each_page_and_no_more_memory_than_one(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synced.write_state(tmp_path / "state", LANES, EACH)
    ledger = synced.open_ledger(database_url)
    synced.bear(ledger, LANES, EACH)
    with SandboxProcess(state=tmp_path / "state") as sandbox:
        first = sync(database_url, sandbox)
        requests = sandbox.stats(summary=True)["requests_total"]
        again = sync(database_url, sandbox)
        more = sandbox.stats(summary=True)["requests_total"] - requests
    with ledger.transaction() as conn:
        stored = conn.scalar(select(func.count()).select_from(applications))
    ledger.close()
    fewest = len(LANES) * ceil(EACH / synced.PAGE)
    with capsys.disabled():
        print(
            f"\n{stored} applications: {requests} requests (fewest: {fewest}), {first['before']} MiB before the sync, "
        )
        print(f"{first['peak']} MiB at its peak; nothing changed: {more} requests (fewest: {len(LANES)})")
    assert (stored, first["counts"]["records"]) == (len(LANES) * EACH,) * 2
    assert (requests, more) == (fewest, len(LANES))
    assert again["counts"].get("records", 0) == 0
    assert first["peak"] - first["before"] <= MAY_GROW_MIB
    assert first["peak"] <= AT_MOST_MIB
