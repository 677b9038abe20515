"""How a command speaks: a few lines on the screen, an exit code, never a traceback for a mistake of use."""

from __future__ import annotations

import functools
import getpass
import os
from argparse import Namespace
from collections.abc import Callable

from airflow.utils.cli import suppress_logs_and_warning

from kombo_provider.errors import KomboError


def speaking(command: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """Turn our own errors into one message and exit code 1, and keep Airflow's log off the screen (but with -v)."""

    @suppress_logs_and_warning
    @functools.wraps(command)
    def run(args: Namespace) -> None:
        # As Airflow's own commands do it: without, a connection in Airflow's database is not found.
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
        try:
            command(args)
        except KomboError as exc:
            raise SystemExit(f"{type(exc).__name__}: {exc}") from None

    return run


def user_name() -> str:
    """Return who gives the command; in a container a user may have a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
