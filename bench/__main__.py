"""`make bench`: measure, print the tables, and keep them with their charts in bench/results/."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench import duplicates, hourly, idle, mapped, speed, staging, tables, writing_back
from bench.charts import Points, line_chart
from bench.measuring import Figure, machine
from include.demo.processes import raise_on_sigterm
from kombo_sandbox.testing import SandboxProcess
from tests.postgres import PostgresServer

RESULTS = Path(__file__).parent / "results"
DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"


class Creates(NamedTuple):
    """So many creates at one latency (seconds), measured so many times."""

    latency_seconds: float
    rows: int
    times: int
    lanes: int = 1


class Plan(NamedTuple):
    """How much is measured."""

    creates: tuple[Creates, ...]
    mapped_tasks: int
    staged_rows: int
    stagings: int
    sizes: tuple[int, ...]
    table_rows: int
    ids: int
    ledgers: tuple[int, int]
    runs: int
    seeds: tuple[int, ...]


FULL = Plan(
    creates=(
        Creates(0.0, 600, 5),
        Creates(0.05, 600, 3),
        Creates(0.2, 900, 3),
        Creates(1.0, 600, 2),
        Creates(5.0, 150, 1),
        Creates(1.0, 1_000, 2, lanes=20),
    ),
    mapped_tasks=20,
    staged_rows=20_000,
    stagings=3,
    sizes=(10_000, 100_000, 1_000_000),
    table_rows=1_000_000,
    ids=10_000,
    ledgers=(10_000, 1_000_000),
    runs=7,
    seeds=(1, 2),
)
QUICK = Plan((Creates(0.0, 120, 1),), 0, 1_000, 1, (1_000, 2_000), 2_000, 1_000, (100, 1_000), 1, (1,))


def main() -> None:
    """Measure everything; `--quick` only shows that it works, and keeps nothing."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    raise_on_sigterm()
    found = _measured(QUICK if quick else FULL)
    table = "\n".join(tables.lines(found))
    print(table)
    if not quick:
        RESULTS.joinpath("bench.json").write_text(json.dumps(found, indent=2) + "\n")
        RESULTS.joinpath("bench.md").write_text(table + "\n")
        RESULTS.joinpath("cost_by_rows.svg").write_text(_cost_by_rows(found))
        RESULTS.joinpath("share_of_cap.svg").write_text(_share_of_cap(found))
        DOCUMENT.write_text(tables.with_figures(DOCUMENT.read_text(), table))


def _measured(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = {"machine": machine(), "commit": _commit(), "staged_rows": plan.staged_rows}
    found |= {"table_rows": plan.table_rows, "ids": plan.ids}
    with _databases() as (folder, databases):
        found["speed"] = [_creates(databases, creates) for creates in plan.creates]
        if plan.mapped_tasks:
            with SandboxProcess() as sandbox:
                found["mapped"] = mapped.measure(sandbox.url, plan.mapped_tasks)
        found["staging"] = {
            name: _shown(staging.measure(_told(new, "staging"), plan.staged_rows, plan.stagings))
            for name, new in databases.items()
        }
        found["sizes"] = {
            name: staging.cost_by_size(_told(new, "sizes"), plan.sizes) for name, new in databases.items()
        }
        found["write_back"] = {
            name: _shown(writing_back.measure(_told(new, "write-back"), plan.table_rows, plan.ids, plan.stagings))
            for name, new in databases.items()
        }
        found["hourly"] = {name: _hourly(_told(new, "hourly runs"), plan) for name, new in databases.items()}
        found["idle"] = idle.measure(folder, plan.runs)
        found["parse_milliseconds"] = idle.parse_milliseconds(plan.runs)
        found["duplicates"] = duplicates.measure(folder, plan.seeds)
    return found


def _creates(databases: speed.Databases, creates: Creates) -> dict[str, Any]:
    latency, rows, times, lanes = creates
    print(f"... {rows} creates at {latency:g} s on {lanes} lanes", file=sys.stderr)
    in_flight = speed.CAP if lanes == 1 else speed.CAP_OF_MANY * lanes
    figures = _shown(speed.measure(databases, latency, rows, times, lanes=lanes))
    return {"latency_seconds": latency, "rows": rows, "lanes": lanes, "in_flight": in_flight, "figures": figures}


def _hourly(new_database: Any, plan: Plan) -> dict[str, Any]:
    ledgers = {f"ledger_of_{rows}": new_database() for rows in plan.ledgers}
    for (name, url), rows in zip(ledgers.items(), plan.ledgers, strict=True):
        print(f"... filling {name}", file=sys.stderr)
        hourly.fill(url, rows)
    with SandboxProcess() as sandbox:
        return hourly.measure(ledgers, sandbox.url, plan.runs)


def _told(new_database: Any, what: str) -> Any:
    print(f"... {what}", file=sys.stderr)
    return new_database


@contextmanager
def _databases() -> Iterator[tuple[Path, speed.Databases]]:
    server = PostgresServer(durable=True)
    with tempfile.TemporaryDirectory(prefix="kombo-bench-") as name:
        folder = Path(name)
        yield folder, {"SQLite": speed.sqlite_in(folder), "PostgreSQL": lambda: server.url(server.lend_database())}
    server.stop()


def _shown(figures: dict[str, Figure]) -> dict[str, dict[str, Any]]:
    return {name: figure.as_json() for name, figure in figures.items()}


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=RESULTS, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _cost_by_rows(found: dict[str, Any]) -> str:
    series = {
        f"{kind}, {database}": points for database, kinds in found["sizes"].items() for kind, points in kinds.items()
    }
    return line_chart("Staging: CPU µs a row", "rows", series)


def _share_of_cap(found: dict[str, Any]) -> str:
    parts = [part for part in found["speed"] if part["latency_seconds"] and part["lanes"] == 1]
    names = [name for name in parts[0]["figures"] if all(name in part["figures"] for part in parts)] if parts else []
    series: dict[str, Points] = {
        name: [(part["latency_seconds"], tables.share_of_cap(part, part["figures"][name])) for part in parts]
        for name in names
    }
    return line_chart("Throughput as a share of the cap", "seconds that a create takes", series, reference=1.0)


if __name__ == "__main__":
    main()
