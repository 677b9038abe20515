"""What a run did, as numbers: read from the ledger and returned to Airflow."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kombo_provider.ledger import (
    REFUSED,
    DeliveryKey,
    Ledger,
    RunRef,
    Status,
    estimate,
    now,
    open_rows,
    passed_over,
    runs,
    summary,
)
from kombo_provider.ledger.estimate import Foreseen
from kombo_provider.ledger.open_rows import OpenCount
from kombo_provider.ledger.runs import Unfinished
from kombo_provider.ledger.staging import COUNTERS
from kombo_provider.ledger.summary import ErrorCount, Unsettled
from kombo_provider.report.why import Why, why

_KEYS_NAMED = 20
LEFT = "left"
"""Stands for a status in the report's counts, as `held` and `snoozed` do."""


@dataclass(slots=True)
class RunReport:
    """Everything a person asks about a run; holds keys and numbers, no applicant."""

    run: RunRef
    kombo_conn_id: str
    at: datetime
    """When it was read, by the ledger's clock."""
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
    open_counts: list[OpenCount] = field(default_factory=list)
    """All that is open of the source, whichever run left it."""
    why: list[Why] = field(default_factory=list)
    """What stands behind the newest refused rows of the source; names ids."""
    not_found: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By param: what of the things asked for was not found, and how many there were."""
    foreseen: dict[str, Foreseen] = field(default_factory=dict)
    """Of a dry run: what would become of the rows of each integration."""
    unfinished: list[Unfinished] = field(default_factory=list)
    imported: dict[str, int] = field(default_factory=dict)
    """Those of the delivered rows, by integration, that some earlier tool had sent."""
    same_person: dict[str, Any] = field(default_factory=dict)
    """How many `rows` of the extract are of the same person and job as another, `such_as` these; empty for none."""

    @property
    def totals(self) -> Counter[str]:
        """Rows of the run by status, over all integrations."""
        totals: Counter[str] = Counter()
        for counts in self.statuses.values():
            totals.update(counts)
        return totals

    def open_rows(self, what: str) -> int:
        """Return how many rows of the source stand so, whichever run left them."""
        rows = 0
        for count in self.open_counts:
            if count.what == what:
                rows += count.rows
        return rows

    def as_dict(self) -> dict[str, Any]:
        """The numbers, as JSON can carry them."""
        numbers = {
            "extracted": self.extracted,
            "by_status": dict(self.totals),
            "by_integration": self.statuses,
            "top_errors": [error._asdict() for error in self.errors],
            "same_person": self.same_person.get("rows", 0),
            "requests": self.requests,
            "rows_per_second": round(self.rows_per_second, 2),
            "latency_ms": {"p50": self.p50_ms, "p95": self.p95_ms},
            "answers_429": self.answers_429,
            "peak_in_flight": self.peak_in_flight,
            "open_totals": self._open_totals(),
            "older_open_issues": [issue._asdict() | {"since": _as_text(issue.since)} for issue in self.open_issues],
        }
        if self.foreseen:
            numbers["foreseen"] = {name: found._asdict() for name, found in self.foreseen.items()}
        return numbers

    def _open_totals(self) -> dict[str, dict[str, Any]]:
        """Sum what is open by kind, with the age of the oldest, and what waits under which other connection."""
        found: dict[str, dict[str, Any]] = {}
        for count in self.open_counts:
            total = found.setdefault(count.what, {"rows": 0, "since": None})
            total["rows"] += count.rows
            since = _as_text(count.since)
            if total["since"] is None or (since is not None and since < total["since"]):
                total["since"] = since
            # The run sends under its own connection only: these rows wait until somebody sees that they do.
            if count.kombo_conn_id not in (None, self.kombo_conn_id):
                others = total.setdefault("other_connections", {})
                others[count.kombo_conn_id] = others.get(count.kombo_conn_id, 0) + count.rows
        return found


def _as_text(at: datetime | None) -> str | None:
    """Return an instant as JSON can carry it; all are in UTC, so their order stays."""
    if at is None:
        return None
    return at.isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What the tasks before counted, and the ledger does not know.

    `counts` of staging; how many `rows` are of the same person as another, and `such_as` some of these; rows by
    integration whose ids the target could not take for the first time (`missed`), and that waited when the time of the
    run was over (`left`).
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    same_person: Mapping[str, Any] = field(default_factory=dict)
    missed: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)
    not_found: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By param: how many of the things that this run was asked for were not found, and how many there were."""


def read(ledger: Ledger, source: str, kombo_conn_id: str, run: RunRef, handed_over: HandedOver) -> RunReport:
    """Gather a run's numbers from the ledger and from its tasks."""
    with ledger.transaction() as conn:
        requests = summary.requests(conn, source, run)
        statuses = summary.by_status(conn, source, run)
        _set_apart(statuses, handed_over.left)
        p50_ms, p95_ms = summary.latency_ms(conn, source, run)
        answered = sum(one.answered for one in requests.values())
        answers_429 = sum(one.answers_429 for one in requests.values())
        return RunReport(
            run=run,
            kombo_conn_id=kombo_conn_id,
            at=now(conn),
            same_person=dict(handed_over.same_person),
            extracted={name: handed_over.counts.get(name, 0) for name in ("extracted", *COUNTERS)},
            statuses=statuses,
            new_failures=_new_failures(statuses, passed_over.new(conn, source, run), handed_over.missed),
            imported=summary.imported(conn, source, run),
            not_found=handed_over.not_found,
            open_counts=open_rows.counts(conn, source),
            why=why(open_rows.refused(conn, source), run),
            unfinished=runs.unfinished(conn, source, run),
            errors=summary.top_errors(conn, source, run),
            open_issues=summary.unsettled(conn, source, kombo_conn_id),
            requests=answered,
            rows_per_second=_a_second(answered, requests),
            p50_ms=p50_ms,
            p95_ms=p95_ms,
            answers_429=answers_429,
            peak_in_flight=summary.peak_in_flight(conn, source, run),
            in_doubt=summary.keys_of_run(conn, source, run, Status.IN_DOUBT, _KEYS_NAMED),
        )


def foresee(ledger: Ledger, source: str, kombo_conn_id: str, max_in_flight: int) -> dict[str, Foreseen]:
    """Say what the source's last dry run would have sent, and for how long."""
    with ledger.transaction() as conn:
        counts = estimate.count_dry_run(conn, source)
        return estimate.foresee(conn, kombo_conn_id, counts, max_in_flight=max_in_flight)


def _a_second(answered: int, requests: Mapping[str, summary.Requests]) -> float:
    """Return how many were answered a second, from the run's first intent to its last answer."""
    if not requests:
        return 0.0
    first = min(one.first_at for one in requests.values())
    last = max(one.last_at for one in requests.values())
    seconds = (last - first).total_seconds()
    if not seconds:  # one intent that was given back, or a clock that stands
        return 0.0
    return answered / seconds


def _set_apart(statuses: dict[str, dict[str, int]], left: Mapping[str, int]) -> None:
    """Count rows that the next run sends as `left`: they are `ready` by plan."""
    for integration_id, rows in left.items():
        counts = statuses.get(integration_id, {})
        ready = counts.get(Status.READY, 0)
        # `deliver` counted the lane's rows, the statuses are those of this run: an earlier run's may be among them,
        # and somebody else may have sent some since.
        planned = min(rows, ready)
        if not planned:
            continue
        counts[LEFT] = planned
        if planned < ready:
            counts[Status.READY] = ready - planned
        else:
            del counts[Status.READY]  # a 0 would be told as a status that the run has


def _new_failures(
    statuses: Mapping[str, Mapping[str, int]], passed: Sequence[passed_over.Count], missed: Mapping[str, int]
) -> dict[str, Counter[str]]:
    """Gather what failed for the first time: a row that was refused before is no row of this run."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for integration_id, counts in statuses.items():
        for status in REFUSED:
            found[integration_id][status] += counts.get(status, 0)
    for count in passed:
        found[count.integration_id][count.kind] += count.rows
    for integration_id, rows in missed.items():
        found[integration_id]["missed"] += rows
    # Without zeros: they would be stored for each integration of each run.
    return {integration_id: +kinds for integration_id, kinds in found.items() if kinds.total()}
