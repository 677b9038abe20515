"""Whether a run may be green: does it add up, and is everything delivered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kombo_provider.errors import IncompleteRunError
from kombo_provider.ledger import UNFINISHED, DeliveryKey, Status
from kombo_provider.ledger.staging import COUNTERS
from kombo_provider.report.numbers import RunReport

_NAMED_AT_MOST = 10
_WINDOW = "the log of stage names them; with window=all the run takes the rows of the whole source."
_LOOK_FOR = {
    "applicant_ids": _WINDOW,
    "integration_ids": _WINDOW,
    "replay": "`airflow kombo failed` shows which codes the refused rows bear.",
    "refill": "look whether the DAG's source is the one that was delivered: the ledger knows no delivered row of it.",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How many of the rows may fail before the run does, in all and of each integration.

    It takes both numbers to be exceeded, or that none of the rows was delivered.
    """

    max_failed_share: float = 0.05
    min_failed: int = 5


class Complaint(NamedTuple):
    """Why a run is red, and what to do about it."""

    what: str
    do: str


def verdict(report: RunReport, limits: Limits) -> None:
    """Raise IncompleteRunError, saying what is wrong and what to do, unless the run may be green."""
    said = complaint(report, limits)
    if said is not None:
        raise IncompleteRunError(said)


def complaint(report: RunReport, limits: Limits) -> str | None:
    """Say in two lines what is wrong and what to do; None where the run may be green."""
    complaints = [*_accounts(report), *_not_found(report), *_unfinished(report), *_failed_rows(report, limits)]
    if not complaints:
        return None
    what = [one.what for one in complaints]
    to_do = dict.fromkeys(one.do for one in complaints)  # each advice once, in the order of the complaints
    return f"{' '.join(what)}\nTo do: {' '.join(to_do)}"


def _accounts(report: RunReport) -> Iterator[Complaint]:
    if report.failed_tasks:
        tasks = ", ".join(report.failed_tasks)
        yield Complaint(f"Tasks failed: {tasks}.", "read the first line of each failed task's error.")
    # P3: every row that was read is in exactly one of the other counts.
    missing = report.extracted["extracted"]
    for name in COUNTERS:
        missing -= report.extracted[name]
    if not missing:
        return
    # In a task group the name of its task begins with the group's.
    if any(name.rpartition(".")[2] == "stage" for name in report.failed_tasks):
        what = f"{missing} rows were read, but not staged before stage failed."
        yield Complaint(what, "run the DAG again: it reads them again.")
    else:
        what = f"{missing} extracted rows are not accounted for."
        yield Complaint(what, "report this as a bug of the provider.")


def _not_found(report: RunReport) -> Iterator[Complaint]:
    """A run that was asked for something and found nothing of it did not do what it was triggered for."""
    for name, (missing, asked) in report.not_found.items():
        if missing == asked:
            yield Complaint(f"Nothing was found for {name}: {missing} asked for.", _LOOK_FOR[name])


def _unfinished(report: RunReport) -> Iterator[Complaint]:
    totals = report.totals
    unfinished = {status: totals[status] for status in UNFINISHED if totals[status]}
    if not unfinished:
        return
    worded = ", ".join(f"{count} {status}" for status, count in unfinished.items())
    # What each of these rows waits for is different, so each status has advice of its own.
    to_do = []
    if Status.READY in unfinished:
        to_do.append("run the DAG again for the ready rows.")
    if Status.SENDING in unfinished:
        to_do.append("What is sending is settled by the next run.")
    if Status.IN_DOUBT in unfinished:
        worded += f" (in doubt: {_named(report.in_doubt, unfinished[Status.IN_DOUBT])})"
        to_do.append(
            "Rows in doubt may be at Kombo: a kombo_resolve_dag of the source looks them up, do not send them by hand."
        )
    yield Complaint(f"Not delivered: {worded}.", " ".join(to_do))


class Failures(NamedTuple):
    """What failed in a run, or for one integration in it, beside what was to be delivered."""

    failed: Counter[str]
    delivered: int
    rows: int

    def complaint(self, limits: Limits) -> str | None:
        """Say what is too much about it, None where it is little enough."""
        failed = self.failed.total()
        if not failed:
            return None
        kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in self.failed.most_common())
        # Both: the share alone would fail a run over one of two rows, the number alone one over six of a million.
        if failed > limits.min_failed and failed > limits.max_failed_share * self.rows:
            return f"{failed} of {self.rows} rows were refused, more than {limits.max_failed_share:.0%}: {kinds}."
        if not self.delivered:
            return f"none of {self.rows} rows was delivered: {kinds}."
        return None


def _failed_rows(report: RunReport, limits: Limits) -> Iterator[Complaint]:
    """Judge the run as a whole, and each integration: a broken customer is not outvoted by the healthy ones."""
    concerned = {*report.statuses, *report.new_failures}
    of_run = failures(report, concerned).complaint(limits)
    said = []
    if of_run is None or len(concerned) > 1:  # else the run is that integration, and all is said
        said = _failed_integrations(report, limits)
    if len(said) > _NAMED_AT_MOST:
        said[_NAMED_AT_MOST:] = [f"And {len(said) - _NAMED_AT_MOST} more integrations."]
    if of_run is not None:
        said.insert(0, of_run[0].upper() + of_run[1:])
    if said:
        do = (
            f"`airflow kombo failed {report.run.dag_id}` lists them with field or code (the columns problems and "
            "error_code in kombo_deliveries); correct the rows, run again."
        )
        yield Complaint(" ".join(said), do)


def _failed_integrations(report: RunReport, limits: Limits) -> list[str]:
    """Say what is too much of which integration; rows of none are judged with the run only."""
    said = []
    for name in sorted(filter(None, report.new_failures)):
        found = failures(report, [name]).complaint(limits)
        if found is not None:
            said.append(f"{name}: {found}")
    return said


def failures(report: RunReport, integration_ids: Sequence[str] | set[str]) -> Failures:
    """Sum up what some integrations had to deliver in the run, and what of it failed for the first time.

    Rows that came as delivered, or were taken out, are none of it.
    """
    failed: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for name in integration_ids:
        failed.update(report.new_failures.get(name, {}))
        statuses.update(report.statuses.get(name, {}))
        statuses[Status.DELIVERED] -= report.imported.get(name, 0)
    del statuses[Status.CANCELLED]
    # They are of no status, for the ledger has no row of theirs.
    outside_of_ledger = failed["without_key"] + failed["duplicate"]
    # Rows that the target could not take are of an earlier run as often as of this one: no share is above 100 %.
    rows = max(statuses.total() + outside_of_ledger, failed.total())
    return Failures(failed, statuses[Status.DELIVERED], rows)


def _named(keys: Sequence[DeliveryKey], count: int) -> str:
    """Name rows by their keys, and say how many more there are."""
    named = ", ".join(f"{key.applicant_id} of {key.integration_id}" for key in keys)
    if count > len(keys):
        return f"{named} and {count - len(keys)} more"
    return named
