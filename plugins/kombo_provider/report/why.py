"""Why rows were refused: the fields and codes that stand behind them, with a few ids of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from kombo_provider.ledger import RunRef
from kombo_provider.ledger.open_rows import OpenRow

_IDS_NAMED = 10
_REASONS_NAMED = 3


class Reason(NamedTuple):
    """A field and what is wrong with it, or a code, and the rows that share it."""

    what: str
    applicant_ids: list[str]


class Why(NamedTuple):
    """What stands behind the refused rows of an integration, the most frequent reason first.

    `new` counts those of them that the run staged or sent.
    """

    integration_id: str
    rows: int
    new: int
    reasons: list[Reason]

    def __str__(self) -> str:
        """Word it as one line for a log; ids belong there and nowhere else."""
        words = f"{self.integration_id}: {self.rows} refused"
        if self.new:
            words += f", {self.new} of them new"
        shown = self.reasons[:_REASONS_NAMED]
        words += ": " + "; ".join(_worded(reason, _IDS_NAMED // len(shown)) for reason in shown)
        if len(self.reasons) > len(shown):
            words += f"; and {len(self.reasons) - len(shown)} other reasons"
        return words


def _worded(reason: Reason, ids: int) -> str:
    named = ", ".join(reason.applicant_ids[:ids])
    if len(reason.applicant_ids) > ids:
        named += ", …"
    return f"{len(reason.applicant_ids)} {reason.what} ({named})"


def why(rows: Sequence[OpenRow], run: RunRef) -> list[Why]:
    """Group refused rows, newest first, by integration; those with most new ones come first."""
    by_integration: defaultdict[str, list[OpenRow]] = defaultdict(list)
    for row in rows:
        by_integration[row.integration_id].append(row)
    found = [_why(integration_id, of_it, run) for integration_id, of_it in by_integration.items()]
    return sorted(found, key=lambda one: (-one.new, -one.rows, one.integration_id))


def _why(integration_id: str, rows: Sequence[OpenRow], run: RunRef) -> Why:
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        for what in _reasons(row):
            ids[what].append(row.applicant_id)
    reasons = [Reason(what, applicant_ids) for what, applicant_ids in ids.items()]
    reasons.sort(key=lambda one: (-len(one.applicant_ids), one.what))
    new = [row for row in rows if row.run == run]
    return Why(integration_id, len(rows), len(new), reasons)


def _reasons(row: OpenRow) -> list[str]:
    """Return what is wrong with a row, each thing once."""
    named = [f"{field}: {problem}" for field, problem in row.fields()]
    if not named:  # Kombo refused it: of that there is a code, and at least the status
        return [row.code or row.what]
    # A row counts once for a reason, however often it has it.
    return list(dict.fromkeys(named))
