"""What a report says: in one line, in a task's log, and how long something has lasted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from kombo_provider.ledger import Status
from kombo_provider.ledger.open_rows import OpenCount
from kombo_provider.ledger.summary import Unsettled
from kombo_provider.report.numbers import RunReport
from kombo_provider.report.why import Why

log = logging.getLogger(__name__)

_INTEGRATIONS_NAMED = 5
_OUTSIDE_OF_LEDGER = ("without_key", "duplicate", "missed")


def counted(counts: Mapping[str, int]) -> str:
    """Word counts by status, the delivered rows first: `163 delivered, 2 in doubt`."""
    order = sorted(counts.items(), key=lambda count: (count[0] != Status.DELIVERED, -count[1], count[0]))
    return ", ".join(f"{rows} {what.replace('_', ' ')}" for what, rows in order if rows)


def in_one_line(report: RunReport) -> str:
    """Sum the run up, with numbers and names of tasks only."""
    counts = report.totals
    for kinds in report.new_failures.values():
        for kind in _OUTSIDE_OF_LEDGER:  # the others are statuses, and counted already
            counts[kind] += kinds[kind]
    said = [counted(counts) or "nothing to send"]
    for name, (missing, asked) in report.not_found.items():
        said.append(f"{name}: {missing} of {asked} not found")
    if report.failed_tasks:
        said.append(f"failed: {', '.join(report.failed_tasks)}")
    return "; ".join(said)


def log_open(counts: Sequence[OpenCount], at: datetime, dag_id: str) -> None:
    """Say in two lines what is open of a source, and how to list it; nothing where all is delivered."""
    if counts:
        log.warning("Open in all: %s", _open_worded(counts, at))
        log.warning("To list it, with field or code: airflow kombo failed %s", dag_id)


def _open_worded(counts: Sequence[OpenCount], at: datetime) -> str:
    rows: Counter[str] = Counter()
    since: dict[str, datetime] = {}
    for count in counts:
        rows[count.what] += count.rows
        if count.since is not None:
            since[count.what] = min(count.since, since.get(count.what, count.since))
    worded = []
    for what, number in rows.most_common():
        words = f"{number} {what.replace('_', ' ')}"
        if what in since:
            words += f" (oldest {age(since[what], at)})"
        worded.append(words)
    return ", ".join(worded)


def log_why(found: Sequence[Why]) -> None:
    """Name the reasons behind refused rows, a line for each integration."""
    for one in found[:_INTEGRATIONS_NAMED]:
        log.warning("%s", one)
    if len(found) > _INTEGRATIONS_NAMED:
        log.warning("And %d more integrations with refused rows", len(found) - _INTEGRATIONS_NAMED)


def log_report(report: RunReport, complaint: str | None) -> None:
    """Write the report to the task's log: what is wrong first, short enough to be read without scrolling."""
    log.info("%s", in_one_line(report))
    for line in (complaint or "").splitlines():
        log.error("%s", line)
    log_why(report.why)
    log_open(report.open_counts, report.at, report.run.dag_id)
    for line in _elsewhere(report):
        log.warning("%s", line)
    _log_numbers(report)
    for issue in report.open_issues:
        log.warning("Open: %s", _issue(issue, report.at))


def _elsewhere(report: RunReport) -> Iterator[str]:
    """Name what neither this run nor a later one of this DAG will do by itself."""
    rows: Counter[str] = Counter()
    for count in report.open_counts:
        if count.kombo_conn_id not in (None, report.kombo_conn_id):
            rows[count.kombo_conn_id] += count.rows
    for name, number in sorted(rows.items()):
        yield (
            f"{number} rows of the source wait under the connection {name}, and this DAG sends under "
            f"{report.kombo_conn_id}. If it was renamed: trigger with window=all, which takes over what is ready; what "
            f"is in doubt is looked up under {name} only, so keep that connection until then"
        )
    for run in report.unfinished:
        began = age(run.began_at, report.at)
        yield f"The run {run.run_id} began {began} ago and has left no report: it still runs, or ended without one"


def _log_numbers(report: RunReport) -> None:
    extracted = [f"{name} {count}" for name, count in report.extracted.items()]
    log.info("Source rows: %s", ", ".join(extracted))
    if report.same_person:
        named = ", ".join(report.same_person["such_as"])
        log.warning("%d rows are of the same person and job as another: %s", report.same_person["rows"], named)
    for integration_id, foreseen in report.foreseen.items():
        log.info("Would be sent to %s: %s", integration_id, foreseen.in_words())
    for integration_id, statuses in report.statuses.items():
        log.info("%s: %s", integration_id, counted(statuses))
    for error in report.errors:
        log.warning("%d rows: %s %s", error.rows, error.code, error.log_url or "")
    if report.requests:
        peaks = ", ".join(f"{name} {peak}" for name, peak in report.peak_in_flight.items())
        log.info(
            "%d requests answered, %.1f a second, latency p50 %s ms, p95 %s ms, %d answers 429, most in flight: %s",
            report.requests,
            report.rows_per_second,
            report.p50_ms,
            report.p95_ms,
            report.answers_429,
            peaks or "none",
        )
    else:
        log.info("No request was answered in this run")


def _issue(issue: Unsettled, at: datetime) -> str:
    words = f"{issue.integration_id}: "
    if issue.rows:  # a lane that is not open has none of its own
        words += f"{issue.rows} rows "
    words += issue.what
    if issue.since is not None:
        words += f" for {age(issue.since, at)}"
    if issue.log_url:
        words += f" {issue.log_url}"
    return words


def age(since: datetime, at: datetime) -> str:
    """Word how long something has lasted."""
    hours = max(0.0, (at - since).total_seconds() / 3600)  # another machine's clock may be ahead
    if hours < 48:
        return f"{hours:.1f} h"
    return f"{hours / 24:.0f} d"
