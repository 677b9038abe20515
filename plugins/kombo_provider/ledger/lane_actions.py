"""What persons do to lanes, each with a row in `kombo_lane_events`; and what they look at before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from kombo_provider.ledger._moves import By
from kombo_provider.ledger._tables import EVERYWHERE, IS_READY, deliveries, lane_events, lanes
from kombo_provider.ledger.lane_states import lane_update, locked_lane
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import LaneState

LONGEST_SNOOZE = timedelta(days=30)


class LaneLine(NamedTuple):
    """One lane, as a list shows it."""

    kombo_conn_id: str
    integration_id: str
    state: str
    code: str | None
    since: datetime | None
    waiting: int
    snoozed_until: datetime | None
    snoozed_code: str | None


def listed(conn: Connection) -> list[LaneLine]:
    """Return every lane that the ledger knows or that has rows waiting, by connection and integration."""
    found = {}
    for row in conn.execute(select(lanes)):
        found[row.kombo_conn_id, row.integration_id] = LaneLine(
            row.kombo_conn_id,
            row.integration_id,
            row.state,
            row.code,
            row.since,
            0,
            row.snoozed_until,
            row.snoozed_code,
        )
    by_lane = deliveries.c.kombo_conn_id, deliveries.c.integration_id
    waiting = select(*by_lane, func.count()).where(IS_READY).group_by(*by_lane)
    for kombo_conn_id, integration_id, rows in conn.execute(waiting):
        # Nothing was sent yet on a lane that has no row of its own.
        unseen = LaneLine(kombo_conn_id, integration_id, LaneState.OPEN, None, None, 0, None, None)
        line = found.get((kombo_conn_id, integration_id), unseen)
        found[kombo_conn_id, integration_id] = line._replace(waiting=rows)
    return [found[key] for key in sorted(found)]


def connections_of(conn: Connection, integration_id: str) -> list[str]:
    """Return the Kombo connections under which an integration has a lane or rows that wait."""
    return [line.kombo_conn_id for line in listed(conn) if line.integration_id == integration_id != EVERYWHERE]


def open_lane(conn: Connection, kombo_conn_id: str, integration_id: str, by: By, reason: str | None = None) -> None:
    """Let requests leave again; the next run tries without waiting for the end of a pause."""
    locked_lane(conn, kombo_conn_id, integration_id)
    values = {"state": LaneState.OPEN, "code": None, "log_url": None, "paused_until": None, "pauses": 0}
    unsnoozed = {"snoozed_until": None, "snoozed_code": None, "snoozed_by": None, "snooze_reason": None}
    conn.execute(lane_update(kombo_conn_id, integration_id).values(since=now(conn), **values, **unsnoozed))
    _tell(conn, kombo_conn_id, integration_id, "open", by, reason=reason)


def stop_lane(conn: Connection, kombo_conn_id: str, integration_id: str, by: By, reason: str | None = None) -> None:
    """Let no request leave until a person opens the lane: no probe, no check and no `resume` does."""
    locked_lane(conn, kombo_conn_id, integration_id)
    values = {"state": LaneState.STOPPED, "code": None, "log_url": None, "paused_until": None, "since": now(conn)}
    conn.execute(lane_update(kombo_conn_id, integration_id).values(values))
    _tell(conn, kombo_conn_id, integration_id, "stop", by, reason=reason)


def snooze_lane(
    conn: Connection, kombo_conn_id: str, integration_id: str, by: By, *, until: datetime, reason: str | None
) -> bool:
    """Have runs pass the lane over for its present code; return False where it is not blocked or paused.

    The cheap check goes on and opens it by itself. Raises ValueError for an end that is past or too far away.
    """
    at = now(conn)
    if not at < until <= at + LONGEST_SNOOZE:
        raise ValueError(f"a snooze ends within {LONGEST_SNOOZE.days} days from now")
    lane = locked_lane(conn, kombo_conn_id, integration_id)  # until its code is stored: a snooze is for that code only
    if lane.state not in (LaneState.BLOCKED, LaneState.PAUSED):
        return False
    values = {"snoozed_until": until, "snoozed_code": lane.code, "snoozed_by": by.name, "snooze_reason": reason}
    conn.execute(lane_update(kombo_conn_id, integration_id).values(values))
    _tell(conn, kombo_conn_id, integration_id, "snooze", by, reason=reason, until=until, code=lane.code)
    return True


def note_replay(conn: Connection, kombo_conn_id: str, integration_id: str, by: By, *, code: str) -> None:
    """Remember that a person ordered the lane's rows refused with a code to be tried again; a run does it."""
    _tell(conn, kombo_conn_id, integration_id, "replay", by, code=code)


def _tell(
    conn: Connection,
    kombo_conn_id: str,
    integration_id: str,
    action: str,
    by: By,
    *,
    reason: str | None = None,
    until: datetime | None = None,
    code: str | None = None,
) -> None:
    conn.execute(
        lane_events.insert().values(
            kombo_conn_id=kombo_conn_id,
            integration_id=integration_id,
            at=now(conn),
            action=action,
            code=code,
            until=until,
            reason=reason,
            actor=by.actor,
            actor_name=by.name,
        )
    )
