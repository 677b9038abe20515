"""What a person asked a run for by its params, and what of it the run did not find."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from kombo_provider.ledger import Ledger, open_rows
from kombo_provider.mapping import MappedRow
from kombo_provider.staging.narrowing import Narrowing

log = logging.getLogger(__name__)

Pair = tuple[str, str]


class AskedFor:
    """Takes in the rows that a run takes, and knows afterwards what was asked for and was not among them.

    `replayed` are the rows that were ordered to be tried again, with the code that each bears.
    """

    def __init__(self, narrowing: Narrowing, replayed: Mapping[Pair, str]) -> None:
        self._limit = narrowing.limit
        self._applicant_ids = set(narrowing.applicant_ids)
        self._integration_ids = set(narrowing.integration_ids)
        self._replayed = set(replayed)
        self._codes = set(replayed.values())
        self._taken = 0

    def take(self, rows: Sequence[MappedRow]) -> None:
        """Take in rows of the window that are as asked for."""
        self._taken += len(rows)
        if not (self._applicant_ids or self._integration_ids or self._replayed):
            return
        for row in rows:
            self._applicant_ids.discard(row.applicant_id or "")
            self._integration_ids.discard(row.integration_id or "")
            self._replayed.discard((row.integration_id or "", row.applicant_id or ""))

    def not_found(self, ledger: Ledger, source: str, replay: frozenset[str]) -> dict[str, list[str]]:
        """Return, by param, what was not found; rows that wait in the ledger are sent whatever the window.

        A run that ended at its limit did not look for all.
        """
        if self._replayed:
            log.warning("%d rows to be replayed were not among those read: they stay as they are", len(self._replayed))
        found = {"replay": sorted(replay - self._codes)}
        if self._limit is None or self._taken < self._limit:
            with ledger.transaction() as conn:
                waiting = open_rows.waiting_among(conn, source, self._applicant_ids, self._integration_ids)
            found["applicant_ids"] = sorted(self._applicant_ids - waiting.applicant_ids)
            found["integration_ids"] = sorted(self._integration_ids - waiting.integration_ids)
        return {name: ids for name, ids in found.items() if ids}
