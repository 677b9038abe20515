"""What a run did, as numbers: read from the ledger, logged, and returned to Airflow."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kombo_provider.ledger import (
    COUNTERS,
    DeliveryKey,
    ErrorCount,
    Ledger,
    RunRef,
    Status,
    Unsettled,
    now,
    passed_over,
    summary,
)

log = logging.getLogger(__name__)

_KEYS_NAMED = 20
_REFUSED = (Status.INVALID, Status.REJECTED)
LEFT = "left"
"""Stands for a status in the report's counts, as `held` and `snoozed` do."""


@dataclass(slots=True)
class RunReport:
    """Everything a person asks about a run; holds keys and numbers, no applicant."""

    extracted: dict[str, int]
    statuses: dict[str, dict[str, int]]
    errors: list[ErrorCount]
    open_issues: list[Unsettled]
    requests: int
    rows_per_second: float
    p50_ms: int | None
    p95_ms: int | None
    answers_429: int
    peak_in_flight: dict[str, int]
    in_doubt: list[DeliveryKey] = field(default_factory=list)
    """The first of the run's rows in doubt."""
    failed_tasks: list[str] = field(default_factory=list)
    new_failures: dict[str, Counter[str]] = field(default_factory=dict)
    """Rows by integration (`""`: of none) and kind that were seen for the first time."""
    imported: dict[str, int] = field(default_factory=dict)
    """Those of the delivered rows, by integration, that some earlier tool had sent."""

    @property
    def totals(self) -> Counter[str]:
        """Rows of the run by status, over all integrations."""
        totals: Counter[str] = Counter()
        for counts in self.statuses.values():
            totals.update(counts)
        return totals

    def as_dict(self) -> dict[str, Any]:
        """The numbers, as JSON can carry them."""
        return {
            "extracted": self.extracted,
            "by_status": dict(self.totals),
            "by_integration": self.statuses,
            "top_errors": [error._asdict() for error in self.errors],
            "requests": self.requests,
            "rows_per_second": round(self.rows_per_second, 2),
            "latency_ms": {"p50": self.p50_ms, "p95": self.p95_ms},
            "answers_429": self.answers_429,
            "peak_in_flight": self.peak_in_flight,
            "older_open_issues": [
                issue._asdict() | {"since": issue.since.isoformat() if issue.since else None}
                for issue in self.open_issues
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What the tasks before counted, and the ledger does not know.

    `counts` of staging; rows by integration whose ids the target could not take for the first time (`missed`), and
    that waited when the time of the run was over (`left`).
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    missed: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)


def read(ledger: Ledger, source: str, kombo_conn_id: str, run: RunRef, handed_over: HandedOver) -> RunReport:
    """Gather a run's numbers from the ledger and from its tasks."""
    with ledger.transaction() as conn:
        requests, seconds = summary.requests_span(conn, source, run)
        statuses = summary.by_status(conn, source, run)
        _set_apart(statuses, handed_over.left)
        return RunReport(
            extracted={name: handed_over.counts.get(name, 0) for name in ("extracted", *COUNTERS)},
            statuses=statuses,
            new_failures=_new_failures(statuses, passed_over.new(conn, source, run), handed_over.missed),
            imported=summary.imported(conn, source, run),
            errors=summary.top_errors(conn, source, run),
            open_issues=summary.unsettled(conn, source, kombo_conn_id),
            requests=requests,
            rows_per_second=requests / seconds if seconds else 0.0,
            p50_ms=summary.latency_ms(conn, source, run, 0.5),
            p95_ms=summary.latency_ms(conn, source, run, 0.95),
            answers_429=summary.answers_429(conn, source, run),
            peak_in_flight=summary.peak_in_flight(conn, source, run),
            in_doubt=summary.keys_of_run(conn, source, run, Status.IN_DOUBT, _KEYS_NAMED),
        )


def _set_apart(statuses: dict[str, dict[str, int]], left: Mapping[str, int]) -> None:
    """Count rows that the next run sends as `left`: they are `ready` by plan."""
    for integration_id, rows in left.items():
        counts = statuses.get(integration_id, {})
        planned = min(rows, counts.get(Status.READY, 0))
        if planned:
            counts[LEFT] = planned
            counts[Status.READY] -= planned
            if not counts[Status.READY]:
                del counts[Status.READY]


def _new_failures(
    statuses: Mapping[str, Mapping[str, int]], passed: Sequence[passed_over.Count], missed: Mapping[str, int]
) -> dict[str, Counter[str]]:
    """Gather what failed for the first time: a row that was refused before is no row of this run."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for integration_id, counts in statuses.items():
        for status in _REFUSED:
            found[integration_id][status] += counts.get(status, 0)
    for count in passed:
        found[count.integration_id][count.kind] += count.rows
    for integration_id, rows in missed.items():
        found[integration_id]["missed"] += rows
    return {integration_id: +kinds for integration_id, kinds in found.items() if +kinds}


def log_report(report: RunReport, ledger: Ledger) -> None:
    """Write the report to the task's log, a line for each thing."""
    counts = ", ".join(f"{name} {count}" for name, count in report.extracted.items())
    log.info("Source rows: %s", counts)
    for integration_id, statuses in report.statuses.items():
        log.info("%s: %s", integration_id, ", ".join(f"{count} {status}" for status, count in statuses.items()))
    for error in report.errors:
        log.warning("%d rows: %s %s", error.rows, error.code, error.log_url or "")
    log.info(
        "%d requests answered, %.1f a second, latency p50 %s ms, p95 %s ms, %d answers 429, most in flight %s",
        report.requests,
        report.rows_per_second,
        report.p50_ms,
        report.p95_ms,
        report.answers_429,
        report.peak_in_flight,
    )
    if report.open_issues:
        with ledger.transaction() as conn:
            at = now(conn)
        for issue in report.open_issues:
            log.warning("Open: %s", _worded(issue, at))


def _worded(issue: Unsettled, at: datetime) -> str:
    age = f"for {(at - issue.since).total_seconds() / 3600:.1f} h" if issue.since else ""
    count = f"{issue.rows} rows " if issue.rows else ""
    return f"{issue.integration_id}: {count}{issue.what} {age} {issue.log_url or ''}".rstrip()
