"""`make bench`: measure, print the tables, and keep them in bench/results/."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import duplicates, speed, staging
from bench.measuring import Figure, machine
from tests.postgres import PostgresServer

RESULTS = Path(__file__).parent / "results"
SEEDS = (1, 2, 3)
# Latency of a create in seconds, rows, repetitions.
SPEEDS = ((0.0, 600, 5), (0.05, 600, 5), (0.2, 600, 3), (1.0, 600, 3))
QUICK_SPEEDS = ((0.0, 120, 1),)
STAGED_ROWS, QUICK_STAGED_ROWS, STAGINGS = 20_000, 1_000, 5


def main() -> None:
    """Measure everything; `--quick` only shows that it works, and keeps nothing."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    staged_rows = QUICK_STAGED_ROWS if quick else STAGED_ROWS
    with _databases() as (folder, databases):
        speeds = [
            {
                "latency_seconds": latency,
                "rows": rows,
                "figures": _shown(speed.measure(databases, latency, rows, times)),
            }
            for latency, rows, times in (QUICK_SPEEDS if quick else SPEEDS)
        ]
        stagings = {
            name: _shown(staging.measure(new, staged_rows, 1 if quick else STAGINGS)) for name, new in databases.items()
        }
        lost = duplicates.measure(folder, SEEDS[:1] if quick else SEEDS)
    found = {"machine": machine(), "speed": speeds, "staged_rows": staged_rows, "staging": stagings, "duplicates": lost}
    table = "\n".join(_lines(found))
    print(table)
    if not quick:
        (RESULTS / "bench.json").write_text(json.dumps(found, indent=2) + "\n")
        (RESULTS / "bench.md").write_text(table + "\n")


@contextmanager
def _databases() -> Iterator[tuple[Path, speed.Databases]]:
    server = PostgresServer(durable=True)
    with tempfile.TemporaryDirectory(prefix="kombo-bench-") as name:
        folder = Path(name)
        yield folder, {"SQLite": speed.sqlite_in(folder), "PostgreSQL": lambda: server.url(server.lend_database())}
    server.stop()


def _shown(figures: dict[str, Figure]) -> dict[str, dict[str, Any]]:
    return {name: figure.as_json() for name, figure in figures.items()}


def _lines(found: dict[str, Any]) -> list[str]:
    place = found["machine"]
    lines = ["# Benchmarks", "", f"{place['cores']} cores, {place['system']}, Python {place['python']}; medians of"]
    lines[-1] += " alternating repetitions, smallest and largest in brackets; the sandbox runs in a process of its own."
    for part in found["speed"]:
        lines += _speed_lines(part)
    for database, figures in found["staging"].items():
        lines += _staging_lines(f"{found['staged_rows']:,} rows on {database}", figures)
    return [*lines, *_duplicate_lines(found["duplicates"])]


def _speed_lines(part: dict[str, Any]) -> list[str]:
    bare = part["figures"]["requests loop"]
    lines = ["", f"## {part['rows']} creates that take {part['latency_seconds']:g} s each, at most 30 at once", ""]
    lines += [
        "| contender | wall, s | throughput beside requests | CPU per applicant, ms | CPU beside requests |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, figure in part["figures"].items():
        low, high = figure["wall_spread"]
        cpu_low, cpu_high = (1000 * value / part["rows"] for value in figure["cpu_spread"])
        lines.append(
            f"| {name} | {figure['wall']:.2f} ({low:.2f} to {high:.2f}) | {bare['wall'] / figure['wall']:.2f}"
            f" | {1000 * figure['cpu'] / part['rows']:.2f} ({cpu_low:.2f} to {cpu_high:.2f})"
            f" | {figure['cpu'] / bare['cpu']:.2f} |"
        )
    return lines


def _staging_lines(what: str, figures: dict[str, Any]) -> list[str]:
    naive = figures["read, pydantic, insert"]
    lines = ["", f"## Staging {what}", ""]
    lines += [
        "| contender | CPU, s | rows per CPU second beside the naive loop | wall, s |",
        "| --- | --- | --- | --- |",
    ]
    for name, figure in figures.items():
        low, high = figure["cpu_spread"]
        cpu = f"{figure['cpu']:.2f} ({low:.2f} to {high:.2f})"
        lines.append(f"| {name} | {cpu} | {naive['cpu'] / figure['cpu']:.2f} | {figure['wall']:.2f} |")
    return lines


def _duplicate_lines(rows: list[dict[str, Any]]) -> list[str]:
    lines = ["", "## 500 applicants, 8 % of the answers lost, the same seeds", ""]
    lines += [
        "| contender | seed | created | created more than once | creates per applicant |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        share = row["creates"] / row["created"]
        lines.append(
            f"| {row['contender']} | {row['seed']} | {row['created']} | {row['created_twice']} | {share:.3f} |"
        )
    return lines


if __name__ == "__main__":
    main()
