"""What a run leaves for the next one: rows that are due, on lanes where something gets through."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, exists, select

from kombo_provider.ledger._tables import delivery_events
from kombo_provider.ledger.claims import Selection, count_ready
from kombo_provider.ledger.lane_states import own_status, statuses
from kombo_provider.ledger.status import Actor, LaneState, RunRef


def goes_on(conn: Connection, selection: Selection, run: RunRef, integration_ids: Collection[str]) -> dict[str, int]:
    """Count the selection's due rows of those of the integrations whose lane is open and got an answer in the run.

    Without an answer another run would meet the same lanes, and leave the same rows at once.
    """
    due = count_ready(conn, selection, sorted(integration_ids), due=True)
    open_lanes = _open(conn, selection.kombo_conn_id, due)
    return {name: due[name] for name in open_lanes if _answered(conn, selection.source, name, run)}


def _open(conn: Connection, kombo_conn_id: str, integration_ids: Collection[str]) -> list[str]:
    """Return the lanes that are open, also where their connection waits for its rate limit to be reset."""
    found = statuses(conn, kombo_conn_id, integration_ids)
    passable = [name for name, status in found.items() if status.state in (LaneState.OPEN, LaneState.PAUSED)]
    return [name for name in passable if own_status(conn, kombo_conn_id, name).state is LaneState.OPEN]


def _answered(conn: Connection, source: str, integration_id: str, run: RunRef) -> bool:
    answers = exists().where(
        delivery_events.c.source == source,
        delivery_events.c.integration_id == integration_id,
        delivery_events.c.dag_id == run.dag_id,
        delivery_events.c.run_id == run.run_id,
        delivery_events.c.actor == Actor.DELIVERY,
        delivery_events.c.http_status.is_not(None),
    )
    return bool(conn.scalar(select(answers)))
