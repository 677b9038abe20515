"""The figures of a run as Markdown."""

from __future__ import annotations

import statistics
from typing import Any

from bench.bars import Bar, bars

Figures = dict[str, Any]
BEGIN, END = "<!-- figures of the last full run -->", "<!-- end of the figures -->"


def lines(found: dict[str, Any]) -> list[str]:
    """Return the whole page, line by line."""
    place = found["machine"]
    measured = (
        f"{place['cores']} cores ({place['processor']}), {place['system']} on {place['architecture']}, Python "
        f"{place['python']}, commit {found['commit']}. Medians of alternating repetitions, smallest and largest in "
        "brackets; the sandbox runs in a process of its own."
    )
    page = ["# Benchmarks", "", measured, ""]
    page += ["![Cost of a row by the number of rows](cost_by_rows.svg)", ""]
    page += ["![Share of the cap by latency](share_of_cap.svg)"]
    page += _bars(bars(found))
    for part in found["speed"]:
        page += _speed(part)
    if "mapped" in found:
        page += _mapped(found["mapped"])
    for database, figures in found["staging"].items():
        page += _staging(f"{found['staged_rows']:,} rows on {database}", figures)
    page += _sizes(found["sizes"])
    for database, figures in found["write_back"].items():
        page += _write_back(f"{found['ids']:,} ids into {found['table_rows']:,} rows on {database}", figures)
    page += _hourly(found["hourly"])
    page += _idle(found["idle"], found["parse_milliseconds"])
    return [*page, *_duplicates(found["duplicates"])]


def with_figures(document: str, page: str) -> str:
    """Return a document of docs/ with the page between its two marks, in place of the former one."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    inside = page.partition("\n")[2].strip().replace("](", "](../bench/results/").replace("\n## ", "\n### ")
    return f"{before}{BEGIN}\n\n{inside}\n\n{END}{after}"


def _table(heading: str, columns: str, rows: list[str]) -> list[str]:
    ruler = " | ".join("---" for _ in columns.split("|"))
    return ["", f"## {heading}", "", f"| {columns} |", f"| {ruler} |", *rows]


def _spread(values: list[float], digits: int = 2) -> str:
    return f"({values[0]:.{digits}f} to {values[1]:.{digits}f})"


def share_of_cap(part: dict[str, Any], figure: Figures) -> float:
    """Return the throughput as a share of what the cap would allow without ramp and tail."""
    ideal: float = part["rows"] * part["latency_seconds"] / part["in_flight"]
    return ideal / float(figure["wall"])


def _speed(part: dict[str, Any]) -> list[str]:
    bare = part["figures"]["requests loop"]
    rows = []
    for name, figure in part["figures"].items():
        share = f"{share_of_cap(part, figure):.2f}" if part["latency_seconds"] else ""
        cpu_spread = [1000 * value / part["rows"] for value in figure["cpu_spread"]]
        rows.append(
            f"| {name} | {figure['wall']:.2f} {_spread(figure['wall_spread'])} | {bare['wall'] / figure['wall']:.2f}"
            f" | {share} | {1000 * figure['cpu'] / part['rows']:.2f} {_spread(cpu_spread)}"
            f" | {figure['cpu'] / bare['cpu']:.2f} |"
        )
    lanes = f" on {part['lanes']} lanes" if part["lanes"] > 1 else ""
    in_flight = f"at most {part['in_flight']} at once"
    heading = f"{part['rows']} creates{lanes} that take {part['latency_seconds']:g} s each, {in_flight}"
    compared = "throughput beside requests | share of the cap | CPU per applicant, ms | CPU beside requests"
    columns = f"contender | wall, s | {compared}"
    return _table(heading, columns, rows)


def _mapped(figure: Figures) -> list[str]:
    wall, cpu = (1000 * figure[name] / figure["rows"] for name in ("wall", "cpu"))
    row = f"| one mapped Airflow task per applicant | {figure['rows']} | {wall:.0f} | {cpu:.0f} |"
    columns = "contender | applicants | wall per applicant, ms | CPU per applicant, ms"
    return _table("The obvious DAG, creates that take no time", columns, [row])


def _staging(what: str, figures: Figures) -> list[str]:
    naive = figures["read, pydantic, insert"]
    rows = [
        f"| {name} | {figure['cpu']:.2f} {_spread(figure['cpu_spread'])} | {naive['cpu'] / figure['cpu']:.2f}"
        f" | {figure['wall']:.2f} {_spread(figure['wall_spread'])} |"
        for name, figure in figures.items()
    ]
    return _table(
        f"Staging {what}, the demo's columns",
        "contender | CPU, s | rows per CPU second beside the naive loop | wall, s",
        rows,
    )


def _sizes(sizes: dict[str, dict[str, list[tuple[int, float]]]]) -> list[str]:
    rows = []
    for database, by_kind in sizes.items():
        for kind, points in by_kind.items():
            first = points[0][1]
            costs = ", ".join(f"{count:,}: {cost:.1f} ({cost / first:.2f})" for count, cost in points)
            rows.append(f"| {database} | {kind} | {costs} |")
    columns = "database | staging | CPU µs a row at so many rows (beside the first)"
    return _table("Cost of a row by the number of rows", columns, rows)


def _write_back(what: str, figures: Figures) -> list[str]:
    bare = figures["bare UPDATE FROM"]
    rows = [
        f"| {name} | {figure['wall']:.3f} {_spread(figure['wall_spread'], 3)} | {figure['wall'] / bare['wall']:.1f}"
        f" | {figure['cpu']:.3f} |"
        for name, figure in figures.items()
    ]
    return _table(f"Writing back {what}", "contender | wall, s | wall beside the bare UPDATE | CPU, s", rows)


def _bars(made: list[Bar]) -> list[str]:
    rows = [
        f"| {bar.what} | {bar.database} | {_bound(bar)} | {bar.measured:.2f} | {'yes' if bar.holds else '**no**'} |"
        for bar in made
    ]
    return _table("What we want, and what was measured", "figure | database | wanted | measured | holds", rows)


def _bound(bar: Bar) -> str:
    return f"≥ {bar.at_least:g}" if bar.at_least is not None else f"≤ {bar.at_most:g}"


def _hourly(found: dict[str, dict[str, Figures]]) -> list[str]:
    rows = []
    for database, figures in found.items():
        smallest = next(iter(figures.values()))
        for name, figure in figures.items():
            rows.append(
                f"| {database}, {int(name.rpartition('_')[2]):,} deliveries"
                f" | {figure['wall']:.2f} {_spread(figure['wall_spread'])} | {figure['wall'] / smallest['wall']:.2f}"
                f" | {figure['cpu']:.2f} {_spread(figure['cpu_spread'])} | {figure['cpu'] / smallest['cpu']:.2f} |"
            )
    columns = "ledger | wall, s | beside the smallest | CPU, s | beside the smallest"
    return _table("A run that sends 30 rows, all its tasks in one process", columns, rows)


def _idle(runs: dict[str, list[float]], parse_milliseconds: list[float]) -> list[str]:
    names = {"push": "kombo_provider, nothing to send", "empty_tasks": "tasks of the same shape that do nothing"}
    empty = statistics.median(runs["empty_tasks"])
    rows = [
        f"| {names[name]} | {statistics.median(taken):.2f} {_spread([min(taken), max(taken)])}"
        f" | {statistics.median(taken) / empty:.2f} |"
        for name, taken in runs.items()
    ]
    parse = (
        f"{statistics.median(parse_milliseconds):.0f} {_spread([min(parse_milliseconds), max(parse_milliseconds)], 0)}"
    )
    said = f"Parsing the demo's push DAG takes {parse} ms beyond what a DAG of Airflow's own has loaded."
    heading = "A run with nothing to do, under Airflow's scheduler with LocalExecutor"
    return [*_table(heading, "run | wall, s | beside empty tasks", rows), "", said]


def _duplicates(found: list[dict[str, Any]]) -> list[str]:
    rows = [
        f"| {row['contender']} | {row['seed']} | {row['created']} | {row['created_twice']}"
        f" | {row['creates'] / row['created']:.3f} |"
        for row in found
    ]
    columns = "contender | seed | created | created more than once | creates per applicant"
    return _table("500 applicants, 8 % of the answers lost, the same seeds", columns, rows)
