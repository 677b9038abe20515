"""Rows that some application seems to be for already: held, counted and named."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection

from sqlalchemy import Connection

from kombo_provider.ledger import Hold, holds

log = logging.getLogger(__name__)

_NAMED = 5


class SentElsewhere:
    """Holds the rows whose target has an application id that no delivery of the ledger bears."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._named: list[tuple[str, str]] = []

    def hold(
        self,
        conn: Connection,
        foreign: Collection[tuple[str, str]],
        known_before: Collection[tuple[str, str]],
        staged: Counter[str],
        by_integration: Counter[tuple[str, str]],
    ) -> None:
        """Hold those of the rows, which were just staged, that would be sent; the new ones count as held."""
        held = holds.put_on_hold(conn, self._source, list(foreign), Hold.HAS_ID)
        for integration_id, _ in held.difference(known_before):
            staged["new"] -= 1
            staged["held"] += 1
            by_integration[integration_id, "new"] -= 1
            by_integration[integration_id, "held"] += 1
        self._named = [*self._named, *sorted(held)][:_NAMED]

    def log(self) -> None:
        """Name some of them, and say what to do."""
        if self._named:
            log.warning(
                "Rows are held, such as %s: their row of the target has an application id that no delivery bears. "
                "If the ledger is an older copy, restore the newest; if another tool made these applications, select "
                "their id as already_sent; if nobody did, empty the id and confirm the rows",
                ", ".join(f"{applicant_id} of {integration_id}" for integration_id, applicant_id in self._named),
            )
