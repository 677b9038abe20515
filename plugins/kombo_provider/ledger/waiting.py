"""Which jobs and endpoints the rows that may be sent are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from kombo_provider.ledger._tables import IS_CLAIMABLE, deliveries
from kombo_provider.ledger.selection import Selection

_MOST = 2_000
"""Of a backlog with more jobs than that, the rest is not named."""


@dataclass(slots=True)
class Waiting:
    """What waits on one lane."""

    job_ids: set[str] = field(default_factory=set)
    endpoints: set[str] = field(default_factory=set)


def waiting(conn: Connection, selection: Selection, integration_ids: Sequence[str]) -> dict[str, Waiting]:
    """Return, by integration, what the selection's rows are for; lanes on which nothing waits are left out."""
    query = (
        select(deliveries.c.integration_id, deliveries.c.job_id, deliveries.c.endpoint)
        .where(*selection.conditions(), IS_CLAIMABLE, deliveries.c.integration_id.in_(integration_ids))
        .distinct()
        .limit(_MOST)
    )
    found: dict[str, Waiting] = {}
    for integration_id, job_id, endpoint in conn.execute(query):
        lane = found.setdefault(integration_id, Waiting())
        lane.job_ids.add(job_id or "")
        lane.endpoints.add(endpoint)
    return found
