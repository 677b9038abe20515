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

# Not as bound parameters: PostgreSQL would not see that a query groups by what it selects.
_WAITING: ColumnElement[str] = literal_column("'waiting'")
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
    counts = []
    for query in (_counting_refused(source), _counting_ready(source), _counting_unsettled(source)):
        counts += [OpenCount(*row) for row in conn.execute(query)]
    for passed in passed_over.known(conn, source):
        # A duplicate is no open row: the one whose key it has is in the ledger.
        if passed.kind is passed_over.Kind.WITHOUT_KEY:
            counts += [OpenCount(passed.integration_id, passed.kind, passed.rows, passed.since)]
    return counts


# A query for each kind: each is answered by the partial index of its condition, and no index by all three.


def _counting_refused(source: str) -> Select[Any]:
    by = deliveries.c.integration_id, deliveries.c.status
    query = select(*by, func.count(), func.min(deliveries.c.finished_at))
    return query.where(is_of(source), IS_REFUSED).group_by(*by)


def _counting_ready(source: str) -> Select[Any]:
    by = deliveries.c.integration_id, _waits(), deliveries.c.kombo_conn_id
    query = select(by[0], by[1], func.count(), func.min(deliveries.c.staged_at), by[2])
    return query.where(is_of(source), IS_READY).group_by(*by)


def _counting_unsettled(source: str) -> Select[Any]:
    by = deliveries.c.integration_id, deliveries.c.status, deliveries.c.kombo_conn_id
    query = select(by[0], by[1], func.count(), func.min(deliveries.c.sent_at), by[2])
    return query.where(is_of(source), IS_UNSETTLED).group_by(*by)


def _waits() -> ColumnElement[str]:
    """Return what a row that is `ready` waits for: its turn, or a person."""
    return case((deliveries.c.hold.is_(None), _WAITING), else_=_HELD).label("what")


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


class WaitingIds(NamedTuple):
    """Which of some ids rows that are `ready` bear."""

    applicant_ids: set[str]
    integration_ids: set[str]


def waiting_among(
    conn: Connection, source: str, applicant_ids: Collection[str], integration_ids: Collection[str]
) -> WaitingIds:
    """Return which of the ids rows of the source bear that wait to be sent."""
    return WaitingIds(
        _ready_among(conn, source, deliveries.c.applicant_id, applicant_ids),
        _ready_among(conn, source, deliveries.c.integration_id, integration_ids),
    )


def _ready_among(conn: Connection, source: str, column: ColumnElement[str], ids: Collection[str]) -> set[str]:
    if not ids:
        return set()
    query = select(column).where(is_of(source), IS_READY, column.in_(sorted(ids)))
    return set(conn.scalars(query.distinct()))


def listed(conn: Connection, source: str) -> Iterator[OpenRow]:
    """Yield all rows of a source that are open, by integration and what is the matter."""
    refused = _rows(deliveries.c.status, deliveries.c.finished_at).where(deliveries.c.source == source, IS_REFUSED)
    unsettled = _rows(deliveries.c.status, deliveries.c.sent_at).where(is_of(source), IS_UNSETTLED)
    ready = _rows(_waits(), deliveries.c.staged_at).where(is_of(source), IS_READY)
    found = union_all(refused, unsettled, ready).subquery()
    query = select(found).order_by(found.c.integration_id, found.c.what, found.c.applicant_id)
    for row in conn.execute(query):
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
