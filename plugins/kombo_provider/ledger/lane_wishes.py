"""Wishes: rows of ordinary runs leave before those of backfills, whichever source's run holds their lane.

Who waits for a lane with ordinary rows notes it on the lane. A holder that reads it claims no more rows of backfills,
and gives the lane back once nothing is on the wire. Until the wish ends, nobody else takes the lane.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, func, select

from kombo_provider.ledger._tables import IS_CLAIMABLE, IS_UNSETTLED, deliveries, lanes
from kombo_provider.ledger._wishes import NO_WISH, WISH, wish_of
from kombo_provider.ledger.claims import is_due
from kombo_provider.ledger.lane_states import lane_update, locked_lane
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.status import Status


def note(conn: Connection, selection: Selection, integration_id: str, holder: str) -> bool:
    """Note that `holder` waits for a lane; return whether the one that has it is about to give it back.

    Only ordinary rows that are due are a reason to wish. Of several wishes the first stands until it is granted.
    """
    lane = locked_lane(conn, selection.kombo_conn_id, integration_id)
    at = now(conn)
    found = wish_of(lane)
    if found is not None and found.is_against(holder, None, at):
        return False
    own_lane = lane_update(selection.kombo_conn_id, integration_id)
    if not _has_ordinary_rows(conn, selection, integration_id, at):
        if found is not None:  # its own, or one that has ended: nobody is kept off the lane for nothing
            conn.execute(own_lane.values(NO_WISH))
        return False
    conn.execute(own_lane.values(wanted_by=holder, wanted_source=selection.source, wanted_until=at + WISH))
    # A holder with ordinary rows of its own sends them to the end: it need not give way to others of the same kind.
    return not _ordinary_on_wire(conn, selection.kombo_conn_id, integration_id)


def withdraw(conn: Connection, kombo_conn_id: str, integration_id: str, holder: str) -> None:
    """Let others have the lane again for which `holder` does not wait any more."""
    mine = lanes.c.wanted_by == holder
    conn.execute(lane_update(kombo_conn_id, integration_id).where(mine).values(NO_WISH))


def _has_ordinary_rows(conn: Connection, selection: Selection, integration_id: str, at: datetime) -> bool:
    ordinary = replace(selection, only_ordinary=True).conditions()
    of_lane = deliveries.c.integration_id == integration_id
    query = select(deliveries.c.source).where(*ordinary, of_lane, IS_CLAIMABLE, is_due(at)).limit(1)
    return conn.execute(query).first() is not None


def _ordinary_on_wire(conn: Connection, kombo_conn_id: str, integration_id: str) -> bool:
    first = select(func.min(deliveries.c.priority)).where(
        deliveries.c.kombo_conn_id == kombo_conn_id,
        deliveries.c.integration_id == integration_id,
        IS_UNSETTLED,  # the condition of an index, which `sending` alone would not be
        deliveries.c.status == Status.SENDING,
    )
    priority: int | None = conn.scalar(first)
    return priority == 0  # a backfill's rows have a greater one
