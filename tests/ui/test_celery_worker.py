"""A real Celery worker is shut down warm while `deliver` sends and a task of somebody else runs beside it.

`deliver` begins nothing more, nobody is left in doubt, and another worker goes on; the other task notices nothing.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from include.demo.environment import PROJECT
from tests.ui.conftest import DEMO_SANDBOX, RunningAirflow, running_airflow, wait_until
from tests.ui.test_stopping import IN_FLIGHT, QUICK, SLOW, Push, apply

LATENCY_SECONDS = 10.0
ENDED_FOR_NOW = ("up_for_reschedule", "scheduled", "queued")
"""The scheduler may have queued the task again before anybody looks; no worker is there to take it."""
FOREIGN_DAG = """
from datetime import timedelta
import pathlib, time
from airflow.sdk import dag, task

@dag(dag_id="somebody_elses", schedule=None)
def theirs():
    @task
    def last():
        pathlib.Path({begun!r}).touch()
        while not pathlib.Path({finish!r}).exists():
            time.sleep(0.2)
    last()

theirs()
"""


@pytest.fixture
def celery(tmp_path: Path) -> Iterator[RunningAirflow]:
    """An Airflow whose tasks are for Celery workers; folders are its broker."""
    dags = tmp_path / "dags"
    dags.mkdir()
    shutil.copy(PROJECT / "dags" / "kombo_push_applicants.py", dags)
    (tmp_path / "include").symlink_to(PROJECT / "include")
    files = {name: str(tmp_path / name) for name in ("begun", "finish")}
    (dags / "somebody_elses.py").write_text(FOREIGN_DAG.format(**files))
    broker = tmp_path / "broker"
    broker.mkdir()
    folders = {name: str(broker) for name in ("data_folder_in", "data_folder_out", "control_folder")}
    settings = {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": "filesystem://",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+sqlite:///{tmp_path / 'results.db'}",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "4",
        **{f"AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__{name.upper()}": path for name, path in folders.items()},
    }
    with running_airflow(tmp_path / "demo", dags=dags, sandbox_settings=DEMO_SANDBOX, settings=settings) as running:
        yield running


def start_worker(airflow: RunningAirflow, name: str) -> int:
    """Start a worker; return the id of its main process."""
    command = ("airflow", "celery", "worker", "--skip-serve-logs", "--celery-hostname", f"{name}@test")
    return airflow.processes.start(name, (*command, "--without-mingle", "--without-gossip"), airflow.environment)


def test_a_warm_shutdown_leaves_nobody_in_doubt_and_another_worker_goes_on(
    celery: RunningAirflow, tmp_path: Path
) -> None:
    worker = start_worker(celery, "first")
    push = Push(celery, f"greenhouse:{uuid4().hex}")
    push.serve(latency_seconds=LATENCY_SECONDS)
    apply(push)
    theirs = f"/dags/somebody_elses/dagRuns/{celery.trigger('somebody_elses', {})}"
    push.start()
    wait_until(lambda: (tmp_path / "begun").exists(), "the other task does not begin")
    wait_until(lambda: len(push.creates()) > IN_FLIGHT, "nothing is sent")

    os.kill(worker, signal.SIGTERM)
    wait_until(push.has_stopped, "it sends on")
    created = push.creates()
    wait_until(lambda: push.state() in ENDED_FOR_NOW, "it does not end")
    assert not push.rows("in_doubt")
    assert (len(push.rows("delivered")), push.creates()) == (len(created), created)
    assert push.rows("ready")
    assert celery.get(theirs)["state"] == "running"

    push.let_it_be_quick()
    start_worker(celery, "second")
    (tmp_path / "finish").touch()
    wait_until(lambda: celery.get(theirs)["state"] == "success", "the other task was disturbed")
    assert celery.wait_for(push.run_id) == "success"
    assert push.task()["try_number"] == 1
    assert push.creates() == dict.fromkeys(push.creates(), 1)
    assert len(push.rows("delivered")) == SLOW + QUICK
