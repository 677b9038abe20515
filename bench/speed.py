"""Wall and CPU time of sending, beside bare loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from bench import applicants, drt, peers
from bench.measuring import Contender, Figure, compare
from bench.ours import Pipeline
from kombo_sandbox.testing import SandboxProcess

CAP, CAP_OF_MANY, TIMEOUT_SECONDS = 30, 10, 60.0
FAST_SECONDS = 0.05
Databases = dict[str, Callable[[], str]]
"""A name, and what gives the URL of an empty database of that kind."""


def sqlite_in(folder: Path) -> Callable[[], str]:
    """Return what makes the URL of a new SQLite file."""
    numbers = count()
    return lambda: f"sqlite:///{folder / f'bench_{next(numbers)}.db'}"


def _loop(send: Callable[..., int], url: str, rows: Sequence[tuple[str, ...]], threads: int) -> Contender:
    def run() -> None:
        failed = send(url, rows, threads, TIMEOUT_SECONDS)
        if failed:
            raise RuntimeError(f"{failed} rows failed without any fault")

    return lambda: run


def _pipeline(new_database: Callable[[], str], url: str, rows: Sequence[tuple[str, ...]], cap: int) -> Contender:
    def prepare() -> Callable[[], None]:
        pipeline = Pipeline(new_database(), rows, cap)

        def run() -> None:
            pipeline.deliver(url, TIMEOUT_SECONDS)
            if pipeline.statuses() != {"delivered": len(rows)}:
                raise RuntimeError(f"not everybody was delivered: {pipeline.statuses()}")
            pipeline.close()

        return run

    return prepare


def measure(
    databases: Databases, latency_seconds: float, row_count: int, repetitions: int, *, lanes: int = 1
) -> dict[str, Figure]:
    """Return the figures of `row_count` creates at one latency, with the ledger on each of the databases.

    Slow peers take part where it does not take minutes: drt-core sends one request after the other.
    """
    rows = applicants.rows(row_count, lanes)
    threads = CAP if lanes == 1 else CAP_OF_MANY * lanes
    with SandboxProcess(latency_seconds=latency_seconds) as sandbox:
        url = sandbox.url
        contenders = {
            f"kombo_provider on {name}": _pipeline(new, url, rows, threads // lanes) for name, new in databases.items()
        }
        contenders["requests loop"] = _loop(peers.requests_loop, url, rows, threads)
        if latency_seconds <= FAST_SECONDS and lanes == 1:
            contenders["urllib3 loop"] = _loop(peers.urllib3_loop, url, rows, threads)
            contenders["official SDK"] = _loop(peers.sdk_loop, url, rows, threads)
        if latency_seconds == 0 and drt.is_installed():
            contenders["drt-core"] = lambda: lambda: drt.run(url, rows)
        return compare(contenders, repetitions)
