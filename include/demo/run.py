"""`make demo`: Airflow runs the real DAG once, from the demo's warehouse to the sandbox and back."""

from __future__ import annotations

import shlex
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from include.demo.airflow_api import ENDED
from include.demo.books import Warehouse
from include.demo.environment import DAG_ID, PROJECT, Airflow, Files, demo_connections, free_port
from include.demo.failure import DemoError
from include.demo.processes import Processes, raise_on_sigterm
from include.demo.progress import Progress
from include.demo.stack import Sandbox, alone, start_airflow
from include.demo.summary import Outcome, contradictions, problem_lines, result_lines, sample_lines
from include.demo.warehouse import fill

if TYPE_CHECKING:
    from pathlib import Path

    from include.demo.airflow_api import AirflowApi, Task

RUN_SECONDS: Final = 900
POLL_SECONDS: Final = 0.3
LOOK_QUERY: Final = "SELECT status, count(*) FROM kombo_deliveries GROUP BY status"
STATE_EVERY: Final = 3
"""Airflow is asked once for so many looks into the ledger."""


def main() -> int:
    """Run the demo; return its exit status."""
    raise_on_sigterm()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    started = time.monotonic()
    files = Files()
    try:
        with alone(files):
            found = demo(files)
    except DemoError as exc:
        print(f"\nmake demo failed: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as exc:
        print("\nStopped; nothing is left running. `make demo` goes on where this run ended.", file=sys.stderr)
        return 143 if exc.args else 130
    if found:
        print("\nmake demo failed: the books do not agree.", *found, sep="\n  ", file=sys.stderr)
        return 1
    print(f"\nAll of it adds up. {time.monotonic() - started:.0f} s.")
    return 0


def demo(files: Files, dags: Path = PROJECT / "dags") -> list[str]:
    """Run everything, print what happened; return what does not add up."""
    with Processes(files.logs) as processes:
        added = fill(files.warehouse, datetime.now(UTC))
        warehouse = Warehouse(files.warehouse)
        kept = f"{added} applicants made up"
        if not added:
            kept = f"the {warehouse.rows()} applicants of last time"
        print(f"[1/4] Warehouse  {_short(files.warehouse)}: {kept}")
        sandbox = Sandbox(processes, files)
        print(f"[2/4] Sandbox    a local Kombo at {sandbox.url}")
        airflow = Airflow(files, port=free_port(), schedule=False, dags=dags)
        print(f"[3/4] Airflow    starting (logs in {_short(files.logs)}/) ...")
        since = datetime.now(UTC)
        environment = airflow.environment(demo_connections(files, sandbox.url))
        api = start_airflow(processes, airflow, environment)
        api.wait_for_dag(DAG_ID, since)
        print(f"[4/4] Run        {DAG_ID}, by Airflow's scheduler and executor")
        run_id = _run(api, airflow, warehouse, since)
        outcome = _outcome(warehouse, sandbox, since, api.result(DAG_ID, run_id, "report"))
        _print(outcome, warehouse, files)
        print("\nStopping Airflow and the sandbox ...")
    return contradictions(outcome)


def _run(api: AirflowApi, airflow: Airflow, warehouse: Warehouse, since: datetime) -> str:
    """Trigger the DAG, watch the ledger until the run has ended, return its id; raise DemoError where it failed."""
    run_id = api.trigger(DAG_ID)
    api.unpause(DAG_ID)
    progress = Progress()
    state, phase, deadline, look = "queued", "queued", time.monotonic() + RUN_SECONDS, 0
    try:
        while state not in ENDED and time.monotonic() < deadline:
            if look % STATE_EVERY == 0:
                state = api.run_state(DAG_ID, run_id)
                phase = _phase(api.tasks(DAG_ID, run_id)) or phase
            counts = warehouse.counts(since)
            progress.show(phase, counts.done, counts.done + counts.waiting)
            look += 1
            time.sleep(POLL_SECONDS)
    finally:
        progress.close()
    if state != "success":
        raise DemoError(_why(api, airflow, run_id, state))
    return run_id


def _phase(tasks: list[Task]) -> str | None:
    """Say which task runs, or waits for its next try."""
    for task in tasks:
        if task.state == "running":
            return task.task_id
    for task in tasks:
        if task.state == "up_for_retry":
            return f"{task.task_id} failed once, Airflow waits to try again"
    return None


def _why(api: AirflowApi, airflow: Airflow, run_id: str, state: str) -> str:
    """Name the tasks that failed and their logs."""
    after = ""
    if state not in ENDED:
        after = f" after {RUN_SECONDS} s"
    lines = [f"the DAG run {run_id} is {state}{after}."]
    for task in api.tasks(DAG_ID, run_id):
        if task.state in {"failed", "up_for_retry", "running"}:
            log = task.log_file(airflow.files.airflow_home / "logs", DAG_ID, run_id)
            lines.append(f"task {task.task_id} {task.state}; its log: {log}")
    return "\n  ".join([*lines, f"Airflow's own logs: {airflow.files.logs}"])


def _outcome(warehouse: Warehouse, sandbox: Sandbox, since: datetime, report: dict[str, Any]) -> Outcome:
    created, twice = sandbox.books()
    return Outcome(
        rows=warehouse.rows(),
        rows_without_key=warehouse.rows_without_key(),
        not_in_ledger=warehouse.not_in_ledger(),
        counts=warehouse.counts(since),
        written_back=warehouse.written_back(),
        created=created,
        created_twice=twice,
        report=report,
    )


def _print(outcome: Outcome, warehouse: Warehouse, files: Files) -> None:
    _section("Result", result_lines(outcome))
    _section("Written back, for example", sample_lines(warehouse.samples()))
    _section("Bad rows, and why they were not sent", problem_lines(warehouse.problems()))
    query = shlex.join(("sqlite3", _short(files.warehouse), LOOK_QUERY))
    _section(
        "Where to look next",
        [
            "make up      Airflow's UI at http://127.0.0.1:8080 with this data, the schedule on",
            "make demo    once more: nothing is sent twice",
            query,
            "include/sql/extract_applicants.sql is the mapping; README.md says how to use your own warehouse",
        ],
    )


def _section(title: str, lines: list[str]) -> None:
    if lines:
        print(f"\n{title}", *lines, sep="\n  ")


def _short(file: Path) -> str:
    return str(file.relative_to(PROJECT)) if file.is_relative_to(PROJECT) else str(file)


if __name__ == "__main__":
    sys.exit(main())
