"""The running stack of docker-compose.yaml, seen from outside: its containers, its databases, the local Kombo."""

from __future__ import annotations

import json
import subprocess
from typing import Any


def docker(*arguments: str, check: bool = True) -> str:
    """Run a `docker` command; return what it printed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def compose(*arguments: str, check: bool = True) -> str:
    """Run `docker compose` with the sandbox's profile; return what it printed."""
    return docker("compose", "--profile", "sandbox", *arguments, check=check)


def sql(statement: str, *, check: bool = True) -> list[list[str]]:
    """Run a statement in the warehouse; return its rows as text. Unchecked, a server that just starts returns none."""
    psql = ("psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", "airflow", "-d", "warehouse", "-c", statement)
    printed = compose("exec", "-T", "postgres", *psql, check=check)
    return [line.split("|") for line in printed.splitlines()]


def airflow(*arguments: str) -> str:
    """Run an `airflow` command beside the scheduler."""
    return compose("exec", "-T", "scheduler", "airflow", *arguments)


def sandbox(path: str, body: Any = None, *, method: str | None = None) -> Any:
    """Ask the sandbox, from inside its container: its port is not published. A body is posted."""
    url = f"http://localhost:8765/_sandbox/{path}"
    sent = [] if method is None else ["-X", method]
    if body is not None:
        sent += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return json.loads(compose("exec", "-T", "sandbox", "curl", "-fsS", *sent, url) or "null")


def workers() -> list[str]:
    """Return the containers of the workers that run."""
    return compose("ps", "-q", "worker").split()
