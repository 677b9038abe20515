"""What the demo prints at its end, and whether the two books agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from include.demo.books import Counts

WORDS: Final = {
    "invalid": "invalid: never sent",
    "in_doubt": "in doubt: an earlier run was stopped before their answers came; never sent again blindly",
}


@dataclass(frozen=True)
class Outcome:
    """What the warehouse, the ledger, the sandbox and the run's own report each say."""

    rows: int
    rows_without_key: int
    not_in_ledger: int
    counts: Counts
    written_back: int
    created: int
    created_twice: int
    report: dict[str, Any]
    """What the run's task `report` returned."""

    @property
    def delivered(self) -> int:
        """How many rows Kombo has."""
        return self.counts.by_status.get("delivered", 0)

    @property
    def in_doubt(self) -> int:
        """How many may or may not have reached Kombo: a run that was killed had sent them and saw no answer."""
        return self.counts.by_status.get("in_doubt", 0)

    @property
    def sent_now(self) -> int:
        """How many of them this run has sent."""
        return self.counts.sent_since.get("delivered", 0)


def contradictions(outcome: Outcome) -> list[str]:
    """Return what does not add up, in sentences; nothing where all is well."""
    found = []
    read = _read(outcome)
    if outcome.report["extracted"]["extracted"] != sum(read.values()):
        found.append(f"The run read {outcome.report['extracted']['extracted']} rows and accounts for {read}.")
    if outcome.not_in_ledger:
        found.append(f"{outcome.not_in_ledger} rows of the table applicants are not in the ledger.")
    for status in ("ready", "sending"):
        count = outcome.counts.by_status.get(status)
        if count:
            found.append(f"{count} deliveries are still {status}.")
    if count := outcome.counts.sent_since.get("in_doubt"):
        found.append(f"This run has put {count} deliveries in doubt.")
    # The sandbox may have executed what a run that was killed left in doubt, and cannot have executed more.
    if not outcome.delivered <= outcome.created <= outcome.delivered + outcome.in_doubt:
        found.append(f"The ledger says {outcome.delivered} delivered, the sandbox {outcome.created} created.")
    if outcome.created_twice:
        found.append(f"The sandbox has {outcome.created_twice} applications twice.")
    if outcome.written_back != outcome.delivered:
        found.append(f"Of {outcome.delivered} delivered rows only {outcome.written_back} hold their ids.")
    return found


def result_lines(outcome: Outcome) -> list[str]:
    """Return the counts as lines."""
    known = outcome.delivered - outcome.sent_now
    read = ", ".join(f"{count} {name}" for name, count in _read(outcome).items() if count)
    lines = [
        f"{outcome.report['extracted']['extracted']:>5} rows read by this run: {read}",
        f"{outcome.rows:>5} rows in the table applicants",
        f"{outcome.delivered:>5} delivered: {outcome.sent_now} sent by this run, {known} known from earlier runs",
    ]
    for status, count in sorted(outcome.counts.by_status.items()):
        if status != "delivered":
            lines.append(f"{count:>5} {WORDS.get(status, status)}")
    if outcome.rows_without_key:
        lines.append(f"{outcome.rows_without_key:>5} without a key: cannot enter the ledger, never sent")
    lines.append(f"{outcome.written_back:>5} with Kombo's ids written back")
    lines.append(f"{outcome.created:>5} applications in the sandbox's own books, {outcome.created_twice} of them twice")
    if outcome.sent_now:
        lines.append(_speed(outcome.report))
    return lines


def _speed(report: dict[str, Any]) -> str:
    peaks = ", ".join(f"{name.partition(':')[0]} {count}" for name, count in report["peak_in_flight"].items())
    latency = report["latency_ms"]
    return (
        f"{report['rows_per_second']:>5.0f} rows per second; an answer took {latency['p50']} ms, 95 % at most"
        f" {latency['p95']} ms; most requests at once: {peaks}"
    )


def _read(outcome: Outcome) -> dict[str, int]:
    """Return what became of the rows that the run read: each counts once."""
    return {name: count for name, count in outcome.report["extracted"].items() if name != "extracted"}


def sample_lines(samples: list[tuple[str, ...]]) -> list[str]:
    """Return a small table of ids that were written back."""
    heads = ("applicant_id", "integration", "kombo_application_id", "kombo_candidate_id", "kombo_delivered_at")
    rows = [heads, *samples]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def problem_lines(problems: dict[str, list[str]]) -> list[str]:
    """Return each bad row with its reasons."""
    return [f"{applicant}  {'; '.join(reasons)}" for applicant, reasons in problems.items()]
