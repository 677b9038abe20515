"""What a page shows of one lane: its runs, what Kombo refused, which rows wait or failed, and one row's history.

A row is named by its keys. No column is read that may hold personal data: the page's role needs no right there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, select

from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger._tables import EMPTIED, IS_READY, IS_REFUSED, deliveries, delivery_events, lane_events
from kombo_provider.ledger.overview import seek_integrations
from kombo_provider.ledger.status import REFUSED, DeliveryKey, Status

ROWS_SHOWN = 50
RUNS_SHOWN = 50
_CODES_SHOWN = 20

RowsOf = Literal["waiting", "held", "in_doubt", "sending", "invalid", "rejected"]


class Code(NamedTuple):
    """Rows of a lane that were refused for one reason, with a log page of one of them."""

    status: str
    code: str | None
    http_status: int | None
    rows: int
    latest: datetime | None
    log_url: str | None


def recent_runs(conn: Connection, source: str, integration_id: str) -> list[dict[str, Any]]:
    """Return the lane's last runs, newest first, as `kombo_runs` has them."""
    query = (
        select(runs)
        .where(runs.c.source == source, runs.c.integration_id == integration_id)
        .order_by(runs.c.began_at.desc())
        .limit(RUNS_SHOWN)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def codes(conn: Connection, source: str, integration_id: str) -> list[Code]:
    """Return why rows of the lane are refused now, most frequent first."""
    reason = deliveries.c.status, deliveries.c.error_code, deliveries.c.http_status
    query = (
        select(*reason, func.count().label("rows"), func.max(deliveries.c.finished_at).label("latest"))
        .where(*_of_lane(source, integration_id), IS_REFUSED)
        .group_by(*reason)
        .order_by(func.count().desc(), *reason)
        .limit(_CODES_SHOWN)
    )
    found = []
    for row in conn.execute(query).all():
        log_page = _a_log_page(conn, source, integration_id, row)
        found.append(Code(row.status, row.error_code, row.http_status, row.rows, row.latest, log_page))
    return found


def _a_log_page(conn: Connection, source: str, integration_id: str, reason: Any) -> str | None:
    if reason.status == Status.INVALID:
        return None  # it was never sent
    query = select(deliveries.c.log_url).where(
        *_of_lane(source, integration_id),
        IS_REFUSED,
        deliveries.c.status == reason.status,
        deliveries.c.error_code.is_not_distinct_from(reason.error_code),
        deliveries.c.http_status.is_not_distinct_from(reason.http_status),
        deliveries.c.log_url.is_not(None),
    )
    return conn.scalar(query.limit(1))


def rows(
    conn: Connection,
    key: tuple[str, str, str],
    what: RowsOf,
    *,
    code: str | None = None,
    http_status: int | None = None,
    after: str | None = None,
) -> list[dict[str, Any]]:
    """Return the first rows of a lane that stand so, by applicant id; `after` the last one that was shown.

    `key` is (source, Kombo connection, integration).
    """
    source, kombo_conn_id, integration_id = key
    query = select(*_SHOWN).where(*_of_lane(source, integration_id)).limit(ROWS_SHOWN)
    if what in REFUSED:
        refused_so = and_(
            IS_REFUSED,
            deliveries.c.status == what,
            deliveries.c.error_code.is_not_distinct_from(code),
            deliveries.c.http_status.is_not_distinct_from(http_status),
        )
        query = query.where(refused_so)
    else:
        query = query.where(deliveries.c.kombo_conn_id == kombo_conn_id, _STANDING[what])
    if after is not None:
        query = query.where(deliveries.c.applicant_id > after)
    return [dict(row) for row in conn.execute(query.order_by(deliveries.c.applicant_id)).mappings()]


_STANDING: dict[str, ColumnElement[bool]] = {
    "waiting": and_(IS_READY, deliveries.c.hold.is_(None)),
    "held": and_(IS_READY, deliveries.c.hold.is_not(None)),
    "in_doubt": deliveries.c.status == literal_column("'in_doubt'"),
    "sending": deliveries.c.status == literal_column("'sending'"),
}
_UNSEEN = {*EMPTIED, "email_sha256", "payload_sha256"}
_SHOWN = [column for column in deliveries.c if column.name not in _UNSEEN]


def find(conn: Connection, source: str, applicant_id: str, integration_id: str | None) -> list[dict[str, Any]]:
    """Return the source's rows of an applicant id, on one integration or on each that the source has."""
    query: Select[Any] = select(*_SHOWN).where(deliveries.c.source == source, deliveries.c.applicant_id == applicant_id)
    if integration_id is not None:
        query = query.where(deliveries.c.integration_id == integration_id)
    else:
        # Seeks in the primary key: without integrations the id alone would read the whole source.
        query = query.where(deliveries.c.integration_id.in_(seek_integrations(source)))
    return [dict(row) for row in conn.execute(query.order_by(deliveries.c.integration_id)).mappings()]


def history(conn: Connection, key: DeliveryKey) -> list[dict[str, Any]]:
    """Return a row's changes of status, oldest first."""
    table = delivery_events.c
    query = select(delivery_events).where(
        table.source == key.source, table.integration_id == key.integration_id, table.applicant_id == key.applicant_id
    )
    return [dict(row) for row in conn.execute(query.order_by(table.event_id)).mappings()]


def actions(conn: Connection, kombo_conn_id: str, integration_id: str) -> list[dict[str, Any]]:
    """Return what persons last did to the lane, newest first."""
    query = (
        select(lane_events)
        .where(lane_events.c.kombo_conn_id == kombo_conn_id, lane_events.c.integration_id == integration_id)
        .order_by(lane_events.c.event_id.desc())
        .limit(20)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def _of_lane(source: str, integration_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return deliveries.c.source == source, deliveries.c.integration_id == integration_id
