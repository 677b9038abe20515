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
        """Hold the rows of these keys, which were just staged; those that are new count as held."""
        waited = [key for key in foreign if key in known_before]
        new = [key for key in foreign if key not in known_before]
        holds.put_on_hold(conn, self._source, waited, Hold.HAS_ID)
        held = holds.put_on_hold(conn, self._source, new, Hold.HAS_ID)
        staged["new"] -= held
        staged["held"] += held
        for integration_id, _ in new:
            by_integration[integration_id, "new"] -= 1
            by_integration[integration_id, "held"] += 1
        self._named = [*self._named, *foreign][:_NAMED]

    def log(self) -> None:
        """Name some of them, and say what to do."""
        if self._named:
            log.warning(
                "Rows are held, such as %s: their row of the target has an application id that no delivery bears. "
                "If the ledger is an older copy, restore the newest; if another tool made these applications, select "
                "their id as already_sent",
                ", ".join(f"{applicant_id} of {integration_id}" for integration_id, applicant_id in self._named),
            )
