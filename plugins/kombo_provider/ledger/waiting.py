"""What waits to be sent: for which jobs and endpoints, and for how long at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection, select, update

from kombo_provider.ledger._tables import IS_CLAIMABLE, IS_READY, deliveries
from kombo_provider.ledger.doubts import RESEND_MARGIN
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.selection import Selection

LONGEST_WAIT = timedelta(hours=2)
"""No answer, and no ordered resend, lets a row wait for longer."""
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


def shorten(conn: Connection, selection: Selection, timeout: timedelta) -> None:
    """Let rows wait no longer than a request may last, where a clock that was wrong had them wait for far longer.

    A resend that was ordered waits as long as that: the request in doubt has surely ended then.
    """
    at = now(conn)
    absurd = [*selection.conditions(), IS_READY, deliveries.c.not_before > at + LONGEST_WAIT]
    conn.execute(update(deliveries).where(*absurd).values(not_before=at + timeout + RESEND_MARGIN))
