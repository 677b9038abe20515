"""What a run leaves for the next one: rows that are due, on lanes where something gets through."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from kombo_provider.ledger._tables import delivery_events, lanes
from kombo_provider.ledger.claims import count_ready
from kombo_provider.ledger.lane_states import statuses
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.status import Actor, LaneState, RunRef


def goes_on(conn: Connection, selection: Selection, run: RunRef, integration_ids: Collection[str]) -> dict[str, int]:
    """Count the selection's due rows of those of the integrations whose lane is open and got an answer in the run.

    Without an answer another run would meet the same lanes, and leave the same rows at once.
    """
    due = count_ready(conn, selection, sorted(integration_ids), due=True)
    if not due:
        return {}
    passable = _open(conn, selection.kombo_conn_id, due) & _answered(conn, selection.source, run)
    return {name: rows for name, rows in due.items() if name in passable}


def _open(conn: Connection, kombo_conn_id: str, integration_ids: Collection[str]) -> set[str]:
    """Return the lanes that are open, also where their connection waits for its rate limit to be reset."""
    passable = set()
    for name, status in statuses(conn, kombo_conn_id, integration_ids).items():
        if status.state in (LaneState.OPEN, LaneState.PAUSED):
            passable.add(name)
    # Of these only the connection may be paused: a lane that is paused itself has failed, and its next try can wait.
    standing = select(lanes.c.integration_id).where(
        lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.state != LaneState.OPEN
    )
    return passable.difference(conn.scalars(standing))


def _answered(conn: Connection, source: str, run: RunRef) -> set[str]:
    """Return the integrations that got an answer in the run."""
    answers = select(delivery_events.c.integration_id).where(
        # So put that no index is searched for the source: SQLite would read all its events to group them by their key.
        delivery_events.c.source.concat("") == source,
        delivery_events.c.dag_id == run.dag_id,
        delivery_events.c.run_id == run.run_id,
        delivery_events.c.actor == Actor.DELIVERY,
        delivery_events.c.http_status.is_not(None),
    )
    return set(conn.scalars(answers.distinct()))
