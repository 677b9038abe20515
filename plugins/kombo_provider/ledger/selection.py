"""Which rows a run may send, before what the ledger itself demands of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kombo_provider.ledger._tables import deliveries, is_of
from kombo_provider.ledger.status import RunRef


@dataclass(frozen=True, slots=True)
class Selection:
    """Which `ready` rows a run may send: those of its source, narrowed by its params."""

    source: str
    kombo_conn_id: str
    applicant_ids: tuple[str, ...] = ()
    staged_by: RunRef | None = None
    only_ordinary: bool = False
    """Without the rows of backfills."""

    @property
    def serves(self) -> str | None:
        """The source whose rows are sent without exception; None where it is narrowed."""
        if self.applicant_ids or self.staged_by:
            return None
        return self.source

    def conditions(self, *, in_key_order: bool = False) -> list[Any]:
        """The selection as conditions on `kombo_deliveries`, without the integration.

        `in_key_order`: the caller sorts by the key, which must not lead SQLite through all rows of the source.
        """
        of_source = is_of(self.source) if in_key_order else deliveries.c.source == self.source
        found: list[Any] = [of_source, deliveries.c.kombo_conn_id == self.kombo_conn_id]
        if self.applicant_ids:
            found.append(deliveries.c.applicant_id.in_(self.applicant_ids))
        if self.staged_by:
            found += [deliveries.c.dag_id == self.staged_by.dag_id, deliveries.c.run_id == self.staged_by.run_id]
        if self.only_ordinary:
            found.append(deliveries.c.priority == 0)
        return found
