"""The bars that the project sets itself, each beside what a full run measured."""

from __future__ import annotations

import statistics
from typing import Any, NamedTuple

DATABASES = ("SQLite", "PostgreSQL")
LEAST_THROUGHPUT = {0.2: 0.95, 1.0: 0.96, 5.0: 0.98}
"""By the seconds that a create takes."""
MOST_CPU = {"SQLite": 0.8, "PostgreSQL": 1.0}


class Bar(NamedTuple):
    """What is measured, the worst figure that is good enough, and what was measured."""

    what: str
    database: str
    at_least: float | None
    at_most: float | None
    measured: float

    @property
    def holds(self) -> bool:
        """Tell whether the figure, as the table shows it, is good enough."""
        shown = round(self.measured, 2)
        return (self.at_least is None or shown >= self.at_least) and (self.at_most is None or shown <= self.at_most)


def bars(found: dict[str, Any]) -> list[Bar]:
    """Return all bars whose figures a run has measured."""
    made: list[Bar] = []
    for part in found["speed"]:
        made += _sending(part)
    for database, figures in found["staging"].items():
        naive = figures["read, pydantic, insert"]["cpu"]
        first, again = (
            figures[f"kombo_provider, {kind}"]["cpu"] for kind in ("first load", "rows that have not changed")
        )
        made.append(Bar("first load beside a naive loop, rows per CPU second", database, 1.0, None, naive / first))
        made.append(Bar("reading unchanged rows beside a naive loop", database, 2.0, None, naive / again))
    for database, kinds in found["sizes"].items():
        for kind, points in kinds.items():
            what = f"{kind}, CPU of a row at {points[-1][0]:,} beside {points[0][0]:,}"
            made.append(Bar(what, database, None, 1.1, points[-1][1] / points[0][1]))
    for database, figures in found["write_back"].items():
        beside = figures["kombo_provider"]["wall"] / figures["bare UPDATE FROM"]["wall"]
        made.append(Bar("writing ids back beside a bare UPDATE, wall", database, None, 2.0, beside))
    for database, figures in found["hourly"].items():
        small, big = (figure["wall"] for figure in figures.values())
        made.append(
            Bar("a run of 30 rows on the big ledger beside the small one, wall", database, None, 1.2, big / small)
        )
    push, empty = (statistics.median(found["idle"][name]) for name in ("push", "empty_tasks"))
    made.append(Bar("a run with nothing to do beside empty tasks, wall", "SQLite", None, 1.2, push / empty))
    parsed = statistics.median(found["parse_milliseconds"])
    made.append(Bar("parsing a DAG file, ms", "", None, 150, parsed))
    ours = [row for row in found["duplicates"] if row["contender"] == "kombo_provider"]
    creates = max(row["creates"] / row["created"] for row in ours)
    made.append(Bar("creates per applicant against a hostile server", "SQLite", None, 1.0, creates))
    return made


def _sending(part: dict[str, Any]) -> list[Bar]:
    bare, latency, made = part["figures"]["requests loop"], part["latency_seconds"], []
    for database in DATABASES:
        ours = part["figures"][f"kombo_provider on {database}"]
        throughput, cpu = bare["wall"] / ours["wall"], ours["cpu"] / bare["cpu"]
        if part["lanes"] > 1:
            made.append(Bar(f"{part['lanes']} lanes at {latency:g} s, throughput", database, 0.95, None, throughput))
        elif latency in LEAST_THROUGHPUT:
            what = f"throughput beside requests at {latency:g} s, ramp and tail included"
            made.append(Bar(what, database, LEAST_THROUGHPUT[latency], None, throughput))
        else:
            what = f"CPU per applicant beside requests at {latency:g} s"
            made.append(Bar(what, database, None, MOST_CPU[database], cpu))
    return made
