"""A real Airflow with the demo in it, as `make up` starts it, and a browser that looks at it."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from include.demo.environment import DAG_ID, Airflow, Files, demo_connections, free_port
from include.demo.processes import Processes
from include.demo.sandbox_setup import SETTINGS
from include.demo.stack import start_airflow
from include.demo.warehouse import fill
from kombo_sandbox.testing import SandboxProcess
from tests.conftest import ROOT

CHROMIUM = shutil.which("chromium")
# As root and without a screen, and with nothing that looks up hosts of Google's.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
IMAGES = ROOT / "docs" / "images"
RUN_SECONDS = 300
PAGE_SECONDS = 60
DEMO_SANDBOX = SETTINGS | {"latency_seconds": [0.05, 0.2]}


@dataclass
class RunningAirflow:
    """Airflow, the sandbox it talks to, and the warehouse it reads."""

    url: str
    sandbox: SandboxProcess
    files: Files
    session: requests.Session
    processes: Processes
    environment: Mapping[str, str]
    """With which the processes run."""

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.session.request(method, f"{self.url}/api/v2{path}", json=body, timeout=60)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        answer.raise_for_status()
        return answer.json()

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run; return its id."""
        self.call("PATCH", f"/dags/{dag_id}", {"is_paused": False}).raise_for_status()
        answer = self.call("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        answer.raise_for_status()
        return str(answer.json()["dag_run_id"])

    def execute(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """Ask or change the warehouse, which holds the ledger too."""
        with closing(sqlite3.connect(self.files.warehouse, timeout=60)) as database, database:
            return database.execute(sql, parameters).fetchall()

    def wait_for(self, run_id: str) -> str:
        """Return the state in which a run of the demo's DAG ends."""
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            state = str(self.get(f"/dags/{DAG_ID}/dagRuns/{run_id}")["state"])
            if state in {"success", "failed"}:
                return state
            time.sleep(0.3)
        found = self.get(f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances")["task_instances"]
        states = {task["task_id"]: task["state"] for task in found}
        raise AssertionError(f"run {run_id} did not end within {RUN_SECONDS} s: {states}")

    def tasks(self, run_id: str) -> list[dict[str, Any]]:
        found = self.get(f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return sorted(found, key=lambda task: (task["start_date"], task["map_index"]))

    def page_of(self, run_id: str, task: dict[str, Any] | None = None, tab: str = "") -> str:
        """Return the address of a run's page, or of a tab of one of its tasks."""
        page = f"{self.url}/dags/{DAG_ID}/runs/{run_id}"
        if task is not None:
            page += f"/tasks/{task['task_id']}"
            page += f"/mapped/{task['map_index']}" if task["map_index"] >= 0 else ""
        return f"{page}/{tab}".rstrip("/")


@contextmanager
def running_airflow(
    folder: Path,
    *,
    dags: Path = Airflow.dags,
    sandbox_settings: Mapping[str, Any] = DEMO_SANDBOX,
    settings: Mapping[str, str] = MappingProxyType({}),
    prepare: Callable[[Path], None] | None = None,
    schedule: bool = False,
    slots: int = Airflow.parallelism,
) -> Iterator[RunningAirflow]:
    """Start an Airflow with the demo's data in it, the DAGs of a folder, and settings of one's own; end it.

    `prepare` changes the warehouse before; `schedule` has the scheduler make runs, in `slots` worker slots.
    """
    files = Files(folder)
    since = datetime.now(UTC)
    fill(files.warehouse, since)
    if prepare is not None:
        prepare(files.warehouse)
    with Processes(files.logs) as processes, SandboxProcess() as sandbox:
        sandbox.config(**sandbox_settings)
        demo = Airflow(files, port=free_port(), schedule=schedule, dags=dags, parallelism=slots)
        environment = {**demo.environment({}), **settings}

        def store(api: Any) -> None:
            for connection_id, fields in demo_connections(files, sandbox.url).items():
                api.put_connection(connection_id, fields)

        api = start_airflow(processes, demo, environment, before_scheduler=store)
        api.wait_for_dag(DAG_ID, since)
        api.unpause(DAG_ID)
        session = requests.Session()
        session.trust_env = False
        token = session.get(f"{demo.url}/auth/token", timeout=60).json()["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        yield RunningAirflow(demo.url, sandbox, files, session, processes, environment)


@pytest.fixture(scope="package")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAirflow]:
    with running_airflow(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium: on Debian, apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="package")
def context(browser: Browser, airflow: RunningAirflow) -> Iterator[BrowserContext]:
    """One for all pages: Airflow's scripts are fetched once."""
    shared = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US", base_url=airflow.url)
    shared.set_default_timeout(PAGE_SECONDS * 1000)
    expect.set_options(timeout=PAGE_SECONDS * 1000)
    yield shared
    shared.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    opened = context.new_page()
    yield opened
    opened.close()


@pytest.fixture
def shoot(page: Page) -> Callable[[str], None]:
    """Save what the page shows for the documents, if KOMBO_SCREENSHOTS asks for it."""

    def save(name: str) -> None:
        if os.environ.get("KOMBO_SCREENSHOTS"):
            page.wait_for_timeout(500)  # until boxes have opened
            page.screenshot(path=IMAGES / f"{name}.png", animations="disabled", caret="hide")

    return save


def wait_until(condition: Callable[[], object], complaint: str, seconds: float = RUN_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.3)


def names_of_applicants(warehouse: Path) -> set[str]:
    """Return what would tell an applicant: addresses, numbers, names that are no common words."""
    columns = ("candidate__email_address", "candidate__phone_number", "candidate__location__street_1")
    with closing(sqlite3.connect(warehouse, timeout=30)) as database:
        rows = database.execute(
            f"SELECT {', '.join(columns)}, candidate__first_name || ' ' || candidate__last_name FROM applicants"
        ).fetchall()
    values = {str(value) for row in rows for value in row if value}
    return {value for value in values if len(value) > 7 and re.search(r"\w", value)}
