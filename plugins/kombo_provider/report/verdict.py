"""Whether a run may be green: does it add up, and is everything delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kombo_provider.errors import IncompleteRunError
from kombo_provider.ledger import COUNTERS, DeliveryKey, Status
from kombo_provider.report.numbers import RunReport

UNFINISHED = (Status.READY, Status.SENDING, Status.IN_DOUBT)
FAILED = (Status.INVALID, Status.REJECTED)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many of a run's rows may be invalid or rejected before the run fails: it takes both to be exceeded."""

    max_failed_share: float = 0.05
    min_failed: int = 5


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
