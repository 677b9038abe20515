"""Where the demo's files lie, and the environment that Airflow's processes get."""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]
DAG_ID: Final = "kombo_push_applicants"
SOURCE: Final = "demo.applicants"
API_KEY: Final = "sandbox-key"
LOCALHOST: Final = "127.0.0.1"


@dataclass(frozen=True)
class Files:
    """The demo's files, all below `.demo/` (removed by `make clean`)."""

    root: Path = PROJECT / ".demo"

    @property
    def warehouse(self) -> Path:
        """The embedded warehouse, with the ledger in it."""
        return self.root / "warehouse.db"

    @property
    def sandbox_state(self) -> Path:
        """What the sandbox has created so far."""
        return self.root / "sandbox.json"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.root / "logs"

    @property
    def airflow_home(self) -> Path:
        """Airflow's own database, configuration and task logs."""
        return self.root / "airflow"

    @property
    def lock(self) -> Path:
        """Held while a demo runs."""
        return self.root / "lock"


@dataclass(frozen=True)
class Airflow:
    """What differs between `make demo` and `make up`."""

    files: Files
    port: int
    schedule: bool
    dags: Path = PROJECT / "dags"
    parallelism: int = 4

    @property
    def url(self) -> str:
        """The API server's address, the UI's too."""
        return f"http://{LOCALHOST}:{self.port}"

    def environment(self, connections: dict[str, dict[str, object]]) -> dict[str, str]:
        """Return the whole environment: the caller's, without the AIRFLOW settings it may hold."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        return kept | self._settings() | _reach_loopback() | _connections(connections)

    def own_settings(self) -> dict[str, str]:
        """Return what a shell needs beside its own variables to run `airflow` on this demo."""
        return {**self._settings(), **_reach_loopback()}

    def _settings(self) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))),
            "PYTHONPATH": str(PROJECT),
            "AIRFLOW_HOME": str(self.files.airflow_home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": str(self.parallelism),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            # Else Airflow skips files without the word "airflow", such as a factory call with no docstring.
            "AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "include.demo.sqlite_patience.CONNECT_ARGS",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": "include.demo.sqlite_patience.CONNECT_ARGS",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(self.schedule),
            # Everyone who reaches the port is an admin here, so only this machine may.
            "AIRFLOW__API__HOST": LOCALHOST,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            # A busy machine answers a starting task later than in Airflow's five seconds, and the task has failed.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        }


def _reach_loopback() -> dict[str, str]:
    """Keep a proxy from being asked for 127.0.0.1."""
    hosts = [LOCALHOST, "localhost", os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""]
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(filter(None, hosts)))


def _connections(connections: dict[str, dict[str, object]]) -> dict[str, str]:
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}


def demo_connections(files: Files, sandbox_url: str) -> dict[str, dict[str, object]]:
    """Return the two connections that the DAGs use."""
    return {
        "kombo_default": {"conn_type": "kombo", "host": sandbox_url, "password": API_KEY, "port": 443},
        "warehouse_default": {"conn_type": "sqlite", "host": str(files.warehouse)},
    }


def free_port() -> int:
    """Return a port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Tell whether a server could listen on `port` now."""
    with socket.socket() as probe:
        # As the servers do: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
    return True
