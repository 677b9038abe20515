"""Conditions that a watch noticed: when each began, who was told of it, and when it was over.

A condition is on once at a time for each subject, whoever notices it. Who wants to tell of alerts claims them first, so
that of two watches at once only one tells.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, text, update

from kombo_provider.ledger._bulk import insert_into
from kombo_provider.ledger._run_tables import ALERT_SUBJECT, alerts

KEPT_FOR: Final = timedelta(days=100)
"""How long an alert is remembered after it was told that it is over."""

_WATCH_LOCK = 0x6B6F6D64  # any constant will do: it keeps two watches from judging at once


class Subject(NamedTuple):
    """What a condition is about; "" where a part does not apply."""

    condition: str
    source: str = ""
    integration_id: str = ""
    dag_id: str = ""


class Beginning(NamedTuple):
    """A condition that begins to be on; nobody is told before `due_at`."""

    subject: Subject
    text: str
    raised_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that is on, or over and not yet told to everybody.

    `told` says how far each notifier got: `raised` or `over`. An alert that is quiet is told to nobody.
    """

    alert_id: int
    subject: Subject
    text: str
    raised_at: datetime
    due_at: datetime
    told_at: datetime | None
    resolved_at: datetime | None
    quiet_since: datetime | None
    clear_since: datetime | None
    failed_at: datetime | None
    claimed_by: str | None
    told: Mapping[str, str]

    @property
    def was_tried(self) -> bool:
        """Somebody was told of it, or was to be when a notifier failed or the watch died."""
        return bool(self.told or self.failed_at or self.claimed_by)


def lock(conn: Connection) -> None:
    """Be the only watch that judges until the end of the transaction; SQLite has one writer at a time anyway."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(_WATCH_LOCK)))


def live(conn: Connection, kombo_conn_id: str) -> list[Alert]:
    """Return what is on, and what is over but not told to everybody, oldest first."""
    query = select(alerts).where(*_is_live(kombo_conn_id)).order_by(alerts.c.raised_at, alerts.c.alert_id)
    return [_alert(row) for row in conn.execute(query)]


def times_raised(conn: Connection, kombo_conn_id: str, since: datetime) -> Counter[Subject]:
    """Count how often each condition began since then."""
    subject = ALERT_SUBJECT[1:]  # without the connection
    began = alerts.c.kombo_conn_id == kombo_conn_id, alerts.c.raised_at >= since
    query = select(*subject, func.count()).where(*began).group_by(*subject)
    counts: Counter[Subject] = Counter()
    for *parts, times in conn.execute(query):
        counts[Subject(*parts)] = times
    return counts


def enter(conn: Connection, kombo_conn_id: str, beginnings: Sequence[Beginning]) -> None:
    """Remember conditions that begin; one that is on already stays as it is."""
    if not beginnings:
        return
    # The unique index of what is on; it is partial, so its condition has to be named for it to be found.
    statement = insert_into(conn, alerts).on_conflict_do_nothing(
        index_elements=list(ALERT_SUBJECT), index_where=text("resolved_at IS NULL")
    )
    conn.execute(statement, [{"kombo_conn_id": kombo_conn_id, **_columns(one)} for one in beginnings])


def _columns(one: Beginning) -> dict[str, Any]:
    return {**one.subject._asdict(), "text": one.text, "raised_at": one.raised_at, "due_at": one.due_at}


def change(conn: Connection, alert_id: int, **values: datetime | str | None) -> None:
    """Set what a watch noticed: `text`, `due_at`, `quiet_since`, `clear_since`, `resolved_at`."""
    conn.execute(update(alerts).where(alerts.c.alert_id == alert_id).values(values))


def tell_again(conn: Connection, alert_id: int, text: str) -> None:
    """Have everybody told of an alert once more, with another text."""
    values = {"text": text, "told": None, "told_at": None, "quiet_since": None}
    conn.execute(update(alerts).where(alerts.c.alert_id == alert_id).values(values))


def drop(conn: Connection, alert_ids: Collection[int]) -> None:
    """Forget alerts that nobody was told of."""
    if alert_ids:
        conn.execute(delete(alerts).where(alerts.c.alert_id.in_(sorted(alert_ids))))


def claim(conn: Connection, kombo_conn_id: str, claimant: str, at: datetime, lasts: timedelta) -> list[Alert]:
    """Take the alerts that somebody is to be told of now and that nobody else is telling of.

    A claim ends by itself, for its process may die; one that ends later than any can was written by a wrong clock, and
    is not believed.
    """
    free = or_(alerts.c.claimed_until.is_(None), alerts.c.claimed_until <= at, alerts.c.claimed_until > at + lasts)
    begins = and_(alerts.c.told_at.is_(None), alerts.c.due_at <= at, alerts.c.quiet_since.is_(None))
    is_due = or_(begins, alerts.c.resolved_at.is_not(None))
    wanted = and_(*_is_live(kombo_conn_id), free, is_due)
    conn.execute(update(alerts).where(wanted).values(claimed_by=claimant, claimed_until=at + lasts))
    mine = select(alerts).where(*_is_live(kombo_conn_id), alerts.c.claimed_by == claimant)
    # One that a notifier failed over would else keep those behind it untold at each watch.
    untried_first = alerts.c.failed_at.is_not(None), alerts.c.raised_at, alerts.c.alert_id
    return [_alert(row) for row in conn.execute(mine.order_by(*untried_first))]


def note_told(conn: Connection, alert: Alert, told: Mapping[str, str], at: datetime, *, complete: bool) -> None:
    """Note how far each notifier got; `complete`: every one knows all there is to know."""
    values: dict[str, Any] = {"told": json.dumps(told, sort_keys=True), "failed_at": None}
    if complete:
        values["told_at"] = func.coalesce(alerts.c.told_at, at)
        if alert.resolved_at is not None:
            values["resolution_told_at"] = at  # from now on it is no longer live
    conn.execute(update(alerts).where(alerts.c.alert_id == alert.alert_id).values(values))


def note_failed(conn: Connection, alert_ids: Collection[int], at: datetime) -> None:
    """Note that a notifier failed over these alerts: the next watch begins with others."""
    conn.execute(update(alerts).where(alerts.c.alert_id.in_(sorted(alert_ids))).values(failed_at=at))


def release(conn: Connection, kombo_conn_id: str, claimant: str) -> None:
    """Give back what was claimed."""
    mine = *_is_live(kombo_conn_id), alerts.c.claimed_by == claimant
    conn.execute(update(alerts).where(*mine).values(claimed_by=None, claimed_until=None))


def forget_old(conn: Connection, kombo_conn_id: str, at: datetime) -> None:
    """Remove alerts that have been over for long."""
    old = alerts.c.kombo_conn_id == kombo_conn_id, alerts.c.raised_at < at - KEPT_FOR
    conn.execute(delete(alerts).where(*old, alerts.c.resolution_told_at < at - KEPT_FOR))


def _is_live(kombo_conn_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return alerts.c.kombo_conn_id == kombo_conn_id, alerts.c.resolution_told_at.is_(None)


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        alert_id=row.alert_id,
        subject=Subject(row.condition, row.source, row.integration_id, row.dag_id or ""),
        text=row.text,
        raised_at=row.raised_at,
        due_at=row.due_at or row.raised_at,
        told_at=row.told_at,
        resolved_at=row.resolved_at,
        quiet_since=row.quiet_since,
        clear_since=row.clear_since,
        failed_at=row.failed_at,
        claimed_by=row.claimed_by,
        told=json.loads(row.told or "{}"),
    )
