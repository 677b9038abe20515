"""What of a source is not delivered: how much, since when, why, and row by row. Never a value, and no payload."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, case, cast, func, literal_column, select, union_all

from kombo_provider.ledger import passed_over
from kombo_provider.ledger._tables import IS_READY, IS_REFUSED, IS_UNSETTLED, deliveries, is_of
from kombo_provider.ledger.status import RunRef

NEWEST = 10_000
"""So many refused rows are looked at for reasons: each hour, whatever has gathered over the years."""

_WAITS: ColumnElement[str] = literal_column("'waiting'")
_HELD: ColumnElement[str] = literal_column("'held'")


class OpenCount(NamedTuple):
    """How many rows of an integration are open, and since when the oldest is.

    `what` is a status, `waiting` or `held` (both `ready`), or `without_key`; the connection is None where it does not
    matter any more.
    """

    integration_id: str
    what: str
    rows: int
    since: datetime | None
    kombo_conn_id: str | None = None


class OpenRow(NamedTuple):
    """One delivery that is not delivered, and why."""

    integration_id: str
    applicant_id: str
    what: str
    since: datetime | None
    problems: str | None
    code: str | None
    hold: str | None
    log_url: str | None
    run: RunRef

    def fields(self) -> list[tuple[str, str]]:
        """Return which fields are wrong, and what is wrong with each."""
        return [(one["field"], one["problem"]) for one in json.loads(self.problems or "[]")]


def counts(conn: Connection, source: str) -> list[OpenCount]:
    """Count all that is open of a source, by integration, under whatever connection."""
    found = [OpenCount(*row) for query in _counting(source) for row in conn.execute(query)]
    found.extend(
        OpenCount(count.integration_id, count.kind, count.rows, count.since)
        for count in passed_over.known(conn, source)
        if count.kind is passed_over.Kind.WITHOUT_KEY
    )
    return found


def _counting(source: str) -> Iterator[Select[Any]]:
    refused = deliveries.c.integration_id, deliveries.c.status
    since = func.min(deliveries.c.finished_at)
    yield select(*refused, func.count(), since).where(is_of(source), IS_REFUSED).group_by(*refused)
    waits = case((deliveries.c.hold.is_(None), _WAITS), else_=_HELD).label("what")
    for condition, what, at in (
        (IS_READY, waits, deliveries.c.staged_at),
        (IS_UNSETTLED, deliveries.c.status, deliveries.c.sent_at),
    ):
        by = deliveries.c.integration_id, what, deliveries.c.kombo_conn_id
        grouped = select(*by[:2], func.count(), func.min(at), by[2]).where(is_of(source), condition)
        yield grouped.group_by(*by)


_CODE = func.coalesce(deliveries.c.error_code, "HTTP " + cast(deliveries.c.http_status, Text))
"""What is told of an answer: Kombo's own title of an error may name a person."""


def refused(conn: Connection, source: str, limit: int = NEWEST) -> list[OpenRow]:
    """Return the newest refused rows of a source, those of the last run first."""
    query = (
        _rows(deliveries.c.status, deliveries.c.finished_at)
        .where(deliveries.c.source == source, IS_REFUSED)
        .order_by(deliveries.c.finished_at.desc())
        .limit(limit)
    )
    return [_open_row(row) for row in conn.execute(query)]


class Waiting(NamedTuple):
    """Which of some ids rows that are `ready` bear."""

    applicant_ids: set[str]
    integration_ids: set[str]


def waiting_among(
    conn: Connection, source: str, applicant_ids: Collection[str], integration_ids: Collection[str]
) -> Waiting:
    """Return which of the ids rows of the source bear that wait to be sent."""
    asked = ((deliveries.c.applicant_id, applicant_ids), (deliveries.c.integration_id, integration_ids))
    found = []
    for column, ids in asked:
        query = select(column).where(is_of(source), IS_READY, column.in_(sorted(ids))).distinct()
        found.append(set(conn.scalars(query)) if ids else set())
    return Waiting(*found)


def listed(conn: Connection, source: str) -> Iterator[OpenRow]:
    """Yield all rows of a source that are open, by integration and what is the matter."""
    waits = case((deliveries.c.hold.is_(None), _WAITS), else_=_HELD)
    query = union_all(
        _rows(deliveries.c.status, deliveries.c.finished_at).where(deliveries.c.source == source, IS_REFUSED),
        _rows(deliveries.c.status, deliveries.c.sent_at).where(is_of(source), IS_UNSETTLED),
        _rows(waits, deliveries.c.staged_at).where(is_of(source), IS_READY),
    ).subquery()
    for row in conn.execute(select(query).order_by(query.c.integration_id, query.c.what, query.c.applicant_id)):
        yield _open_row(row)


def _rows(what: ColumnElement[str], since: ColumnElement[Any]) -> Select[Any]:
    return select(
        deliveries.c.integration_id,
        deliveries.c.applicant_id,
        what.label("what"),
        since.label("since"),
        deliveries.c.problems,
        _CODE.label("code"),
        deliveries.c.hold,
        deliveries.c.log_url,
        deliveries.c.dag_id,
        deliveries.c.run_id,
    )


def _open_row(row: Row[Any]) -> OpenRow:
    return OpenRow._make([*row[:8], RunRef(row.dag_id or "", row.run_id or "")])
