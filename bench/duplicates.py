"""Creates per applicant against a server that loses answers, with the same seed for everyone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import applicants, drt, peers
from bench.ours import Pipeline
from kombo_provider.sending.options import Tuning
from kombo_sandbox.testing import SandboxProcess

ROWS, THREADS, TIMEOUT_SECONDS = 500, 30, 1.0
LOST_ANSWERS: list[dict[str, Any]] = [
    {"kind": "write_no_answer", "seconds": 1.5, "rate": 0.02},
    {"kind": "write_reset", "rate": 0.02},
    {"kind": "status_after_write", "status": 502, "rate": 0.02},
    {"kind": "truncated", "rate": 0.02},
]
# The default waits are made for outages of minutes; how often something is sent does not depend on them.
PATIENT = Tuning(first_pause=0.1, longest_pause=0.4, outage_pause=0.5, first_backoff=0.02, patience=5.0)
RUNS = 5


def _ours(folder: Path, seed: int) -> Callable[[str], None]:
    def run(url: str) -> None:
        pipeline = Pipeline(f"sqlite:///{folder / f'duplicates_{seed}.db'}", applicants.rows(ROWS), THREADS)
        for _ in range(RUNS):
            pipeline.deliver(url, TIMEOUT_SECONDS, PATIENT)
            pipeline.resolve(url)
        pipeline.close()

    return run


def _peer(send: Callable[..., int]) -> Callable[[str], None]:
    return lambda url: _ignore(send(url, applicants.rows(ROWS), THREADS, TIMEOUT_SECONDS, retries=True))


def _ignore(_: int) -> None:
    """A loop's failures are in the sandbox's books, as applicants that were never created."""


def measure(folder: Path, seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return for each contender and seed how many applicants were created, and how many of them more than once."""
    found = []
    for seed in seeds:
        contenders = {
            "kombo_provider": _ours(folder, seed),
            "requests with retries": _peer(peers.requests_loop),
            "urllib3 with retries": _peer(peers.urllib3_loop),
            "official SDK with retries": _peer(peers.sdk_loop),
        }
        if drt.is_installed():
            contenders["drt-core with retries"] = lambda url: drt.run(url, applicants.rows(ROWS), retries=True)
        for name, run in contenders.items():
            found.append({"contender": name, "seed": seed, "applicants": ROWS, **_books(run, seed)})
    return found


def _books(run: Callable[[str], None], seed: int) -> dict[str, int]:
    with SandboxProcess(concurrency_limit=None, seed=seed) as sandbox:
        sandbox.faults(LOST_ANSWERS)
        run(sandbox.url)
        counts = sandbox.creates().values()
    return {"created": len(counts), "created_twice": sum(1 for count in counts if count > 1), "creates": sum(counts)}
