"""The end of a run: does it add up, what failed, and is the run allowed to be green."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kombo_provider.errors import IncompleteRunError
from kombo_provider.ledger import COUNTERS, DeliveryKey, ErrorCount, Ledger, RunRef, Status, Unsettled, now, summary

log = logging.getLogger(__name__)

UNFINISHED = (Status.READY, Status.SENDING, Status.IN_DOUBT)
_KEYS_NAMED = 20
FAILED = (Status.INVALID, Status.REJECTED)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many of a run's rows may be invalid or rejected before the run fails: it takes both to be exceeded."""

    max_failed_share: float = 0.05
    min_failed: int = 5


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


def read(ledger: Ledger, source: str, kombo_conn_id: str, run: RunRef, counts: Mapping[str, int]) -> RunReport:
    """Gather a run's numbers from the ledger; `counts` are what staging counted."""
    with ledger.transaction() as conn:
        requests, seconds = summary.requests_span(conn, source, run)
        return RunReport(
            extracted={name: counts.get(name, 0) for name in ("extracted", *COUNTERS)},
            statuses=summary.by_status(conn, source, run),
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


def verdict(report: RunReport, limits: Limits) -> None:
    """Raise IncompleteRunError, saying what is wrong and what to do, unless the run may be green."""
    complaints = _complaints(report, limits)
    if complaints:
        raise IncompleteRunError("\n".join([" ".join(what for what, _ in complaints), _to_do(complaints)]))


def _to_do(complaints: Sequence[tuple[str, str]]) -> str:
    return "To do: " + " ".join(dict.fromkeys(do for _, do in complaints))


def _complaints(report: RunReport, limits: Limits) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if report.failed_tasks:
        found.append(
            (f"Tasks failed: {', '.join(report.failed_tasks)}.", "read the first line of each failed task's error.")
        )
    missing = report.extracted["extracted"] - sum(report.extracted[name] for name in COUNTERS)
    if missing:
        found.append((f"{missing} extracted rows are not accounted for.", "report this as a bug of the provider."))
    totals = report.totals
    unfinished = {status: totals[status] for status in UNFINISHED if totals[status]}
    if unfinished:
        worded = ", ".join(f"{count} {status}" for status, count in unfinished.items())
        do = "run the DAG again for the ready rows."
        if Status.IN_DOUBT in unfinished:
            do += " Rows in doubt may be at Kombo: kombo_resolve_in_doubt looks them up, do not send them by hand."
            worded += f" (in doubt: {_named(report.in_doubt, unfinished[Status.IN_DOUBT])})"
        found.append((f"Not delivered: {worded}.", do))
    failed, rows = sum(totals[status] for status in FAILED), sum(totals.values())
    if failed > limits.min_failed and failed > limits.max_failed_share * rows:
        found.append(
            (
                f"{failed} of {rows} rows were refused, more than {limits.max_failed_share:.0%}.",
                "look at the columns problems and error_code in kombo_deliveries, correct the rows, run again.",
            )
        )
    return found


def _named(keys: Sequence[DeliveryKey], count: int) -> str:
    """Name rows by their keys, and say how many more there are."""
    named = ", ".join(f"{key.applicant_id} of {key.integration_id}" for key in keys)
    return f"{named} and {count - len(keys)} more" if count > len(keys) else named


def _worded(issue: Unsettled, at: datetime) -> str:
    age = f"for {(at - issue.since).total_seconds() / 3600:.1f} h" if issue.since else ""
    count = f"{issue.rows} rows " if issue.rows else ""
    return f"{issue.integration_id}: {count}{issue.what} {age} {issue.log_url or ''}".rstrip()
