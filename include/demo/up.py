"""`make up`: Airflow's UI with the demo loaded and the schedule on, until Ctrl-C."""

from __future__ import annotations

import argparse
import functools
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from include.demo.environment import DAG_ID, PROJECT, Airflow, Files, demo_connections, is_free
from include.demo.failure import DemoError
from include.demo.processes import Processes, raise_on_sigterm
from include.demo.stack import Sandbox, alone, start_airflow
from include.demo.warehouse import fill

if TYPE_CHECKING:
    from include.demo.airflow_api import AirflowApi

CHECK_SECONDS: Final = 1.0


def main() -> int:
    """Serve until interrupted; return the exit status."""
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args().port
    raise_on_sigterm()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    files = Files()
    try:
        with alone(files), Processes(files.logs) as processes:
            serve(processes, files, port)
    except DemoError as exc:
        print(f"\nmake up failed: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as exc:
        print("\nStopped; nothing is left running.")
        return 143 if exc.args else 0
    return 0


def serve(processes: Processes, files: Files, port: int, dags: Path = PROJECT / "dags") -> None:
    """Start everything, switch the DAGs on, and watch until a component fails or Ctrl-C comes."""
    if not is_free(port):
        raise DemoError(f"port {port} of 127.0.0.1 is taken by another program. Choose one: make up PORT={port + 1}")
    fill(files.warehouse, datetime.now(UTC))
    sandbox = Sandbox(processes, files)
    print(f"Starting Airflow (logs in {files.logs}) ...")
    since = datetime.now(UTC)
    airflow = Airflow(files, port=port, schedule=True, dags=dags)
    # The connections lie in Airflow's database here, so that the UI shows them, tests them and can change them.
    store = functools.partial(_store_connections, demo_connections(files, sandbox.url))
    api = start_airflow(processes, airflow, airflow.environment({}), triggerer=True, before_scheduler=store)
    api.wait_for_dag(DAG_ID, since)
    api.trigger(DAG_ID)
    for dag_id in api.dag_ids():
        api.unpause(dag_id)
    print(f"Airflow's UI: {airflow.url}   (no login; this machine only)")
    print(f"Local Kombo:  {sandbox.url}   warehouse: {files.warehouse}")
    print("To try commands on it, such as `airflow kombo explain`, paste this into another shell:")
    for line in export_lines(airflow.own_settings()):
        print(f"  {line}")
    print("Ctrl-C stops everything.")
    while True:
        processes.check()
        time.sleep(CHECK_SECONDS)


def export_lines(settings: dict[str, str]) -> list[str]:
    """Return the shell's lines that give it these variables, and this `airflow` before any other."""
    programs = shlex.quote(str(Path(sys.executable).parent))
    lines = [f"export {name}={shlex.quote(value)}" for name, value in settings.items() if name != "PATH"]
    return [f'export PATH={programs}:"$PATH"', *lines]


def _store_connections(connections: dict[str, dict[str, object]], api: AirflowApi) -> None:
    for connection_id, fields in connections.items():
        api.put_connection(connection_id, fields)


if __name__ == "__main__":
    sys.exit(main())
