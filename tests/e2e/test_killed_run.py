"""P1 and P2 where the sending process is killed: nothing is sent twice, nothing is lost, doubts are named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kombo_sandbox.testing import Sandbox
from tests.conftest import ROOT
from tests.e2e.conftest import GREENHOUSE, PERSONIO, MakesPipelines, Warehouse, run_again, run_dag

APPLICANTS = 40


@pytest.mark.parametrize("endpoint", ["application", "candidate"])
def test_after_a_kill_in_the_middle_of_deliver_a_plain_run_finishes_all_but_what_was_on_the_wire(
    endpoint: str,
    warehouse: Warehouse,
    sandbox: Sandbox,
    pipeline: MakesPipelines,
) -> None:
    dag_id = pipeline(endpoint=endpoint)
    for number in range(APPLICANTS):
        warehouse.add(number, integration_id=GREENHOUSE if number % 2 else PERSONIO)
    sandbox.config(latency_seconds=1)
    with _run_in_a_process_of_its_own(dag_id) as process:
        _wait_until_requests_are_on_the_wire(sandbox, process)
        os.kill(process.pid, signal.SIGKILL)
    on_the_wire = set(warehouse.execute("SELECT applicant_id FROM kombo_deliveries WHERE status = 'sending'"))
    killed_run = warehouse.execute("SELECT max(run_id) FROM kombo_deliveries")[0][0]
    assert on_the_wire
    sandbox.config(latency_seconds=0)

    warehouse.execute("UPDATE kombo_lanes SET lease_expires_at = '2000-01-01 00:00:00.000000'")
    run = run_dag(dag_id)
    assert run.state == "success", run.errors
    in_doubt = set(warehouse.execute("SELECT applicant_id FROM kombo_deliveries WHERE status = 'in_doubt'"))
    assert in_doubt == on_the_wire
    assert warehouse.statuses() == {"delivered": APPLICANTS - len(in_doubt), "in_doubt": len(in_doubt)}
    assert [issue["rows"] for issue in run.xcom("report")["older_open_issues"]] == [len(in_doubt)]
    assert all(0 < peak <= 30 for peak in run.xcom("report")["peak_in_flight"].values())
    assert set(sandbox.creates().values()) == {1}

    repeated = run_again(dag_id, killed_run)
    assert repeated.task_states == {
        "stage": "success",
        "deliver": "success",
        "write_back": "success",
        "report": "failed",
        "next": "skipped",
    }
    message = repeated.message("report")
    assert f"Not delivered: {len(in_doubt)} in_doubt" in message
    assert all(f"{applicant_id} of " in message for (applicant_id,) in in_doubt)
    assert "do not send them by hand" in message
    assert set(sandbox.creates().values()) == {1}


@contextmanager
def _run_in_a_process_of_its_own(dag_id: str) -> Iterator[subprocess.Popen[bytes]]:
    code = f"from tests.e2e.airflow_runs import run_dag; run_dag({dag_id!r})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_until_requests_are_on_the_wire(sandbox: Sandbox, process: subprocess.Popen[bytes]) -> None:
    """Return while one wave is answered already and another one is on its way."""
    while process.poll() is None:
        stats = sandbox.stats(summary=True)
        if stats["creates_total"] and sum(stats["in_flight"].values()):
            return
        time.sleep(0.05)
    raise AssertionError("the process ended before it was killed")
