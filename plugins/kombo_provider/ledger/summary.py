"""What a run did, read from the ledger: statuses, errors, latencies, the most that was in flight."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)

from kombo_provider.ledger._tables import EVERYWHERE, IS_READY, IS_UNSETTLED, deliveries, delivery_events, lanes
from kombo_provider.ledger.lane_states import is_snoozed
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import WITH_REASON, Actor, DeliveryKey, LaneState, Resolution, RunRef, Status


class ErrorCount(NamedTuple):
    """How many rows of a run share one error, with the log page of one of them."""

    code: str
    rows: int
    log_url: str | None


class Unsettled(NamedTuple):
    """Doubts or a stopped lane of an integration, and since when."""

    integration_id: str
    what: str
    rows: int
    since: datetime | None
    log_url: str | None


def by_status(conn: Connection, source: str, run: RunRef) -> dict[str, dict[str, int]]:
    """Count the rows that the run last staged or sent: integration → status, or `held`, or `snoozed` → rows.

    A `snoozed` row waits on a lane that a person told runs to pass over.
    """
    held = and_(IS_READY, deliveries.c.hold.is_not(None))
    passed_over = exists().where(
        lanes.c.kombo_conn_id == deliveries.c.kombo_conn_id,
        lanes.c.integration_id == deliveries.c.integration_id,
        is_snoozed(now(conn)),
    )
    status = case(
        (held, literal_column("'held'")),
        (and_(IS_READY, passed_over), literal_column("'snoozed'")),
        else_=deliveries.c.status,
    ).label("standing")
    query = (
        select(deliveries.c.integration_id, status, func.count())
        .where(*_of_run(source, run))
        .group_by(deliveries.c.integration_id, status)
        .order_by(deliveries.c.integration_id, status)
    )
    counts: dict[str, dict[str, int]] = {}
    for integration_id, status, count in conn.execute(query):
        counts.setdefault(integration_id, {})[status] = count
    return counts


def imported(conn: Connection, source: str, run: RunRef) -> dict[str, int]:
    """Count, by integration, the run's rows that were delivered before it: some earlier tool had sent them."""
    query = (
        select(deliveries.c.integration_id, func.count())
        .where(*_of_run(source, run), deliveries.c.resolution == Resolution.IMPORTED)
        .group_by(deliveries.c.integration_id)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def keys_of_run(conn: Connection, source: str, run: RunRef, status: Status, limit: int) -> list[DeliveryKey]:
    """Return the first keys, in key order, of the run's rows with a status."""
    query = (
        select(deliveries.c.source, deliveries.c.integration_id, deliveries.c.applicant_id)
        .where(*_of_run(source, run), deliveries.c.status == status)
        .order_by(deliveries.c.integration_id, deliveries.c.applicant_id)
        .limit(limit)
    )
    return [DeliveryKey(*row) for row in conn.execute(query)]


def codes(conn: Connection, source: str, run: RunRef) -> dict[str, dict[str, int]]:
    """Count the run's undelivered rows by integration and what was answered, the most frequent first."""
    what = _what_was_answered()
    query = (
        select(deliveries.c.integration_id, what, func.count())
        .where(*_of_run(source, run), _has_reason())
        .group_by(deliveries.c.integration_id, what)
        .order_by(func.count().desc(), what)
    )
    found: dict[str, dict[str, int]] = {}
    for integration_id, code, rows in conn.execute(query):
        found.setdefault(integration_id, {})[code] = rows
    return found


def top_errors(conn: Connection, source: str, run: RunRef, limit: int = 5) -> list[ErrorCount]:
    """Return the most frequent errors of the run's undelivered rows."""
    what = _what_was_answered()
    query = (
        select(what, func.count(), func.max(deliveries.c.log_url))
        .where(*_of_run(source, run), _has_reason())
        .group_by(what)
        .order_by(func.count().desc(), what)
        .limit(limit)
    )
    return [ErrorCount(*row) for row in conn.execute(query)]


def _what_was_answered() -> ColumnElement[str]:
    """Return the code, or else the HTTP status; where nothing was answered the title is our own."""
    # A title of Kombo's, which may name a person, comes with an HTTP status, and so is not reached.
    status = "HTTP " + cast(deliveries.c.http_status, Text)
    return func.coalesce(deliveries.c.error_code, status, deliveries.c.error_title, "invalid")


def _has_reason() -> ColumnElement[bool]:
    waits_with_code = and_(deliveries.c.status == Status.READY, deliveries.c.error_code.is_not(None))
    return or_(deliveries.c.status.in_(WITH_REASON), waits_with_code)


def latency_ms(conn: Connection, source: str, run: RunRef) -> tuple[int | None, int | None]:
    """Return p50 and p95 of the run's answered requests, in milliseconds; None without any."""
    every = literal("")
    return _latencies(conn, every, source, run).get("", (None, None))


def latencies_ms(conn: Connection, source: str, run: RunRef) -> dict[str, tuple[int | None, int | None]]:
    """Return the same for each integration."""
    return _latencies(conn, delivery_events.c.integration_id, source, run)


def _latencies(
    conn: Connection, group: ColumnElement[str], source: str, run: RunRef
) -> dict[str, tuple[int | None, int | None]]:
    place = func.row_number().over(partition_by=group, order_by=delivery_events.c.duration_ms) - 1
    answered = (
        select(
            group.label("name"),
            delivery_events.c.duration_ms,
            place.label("place"),
            func.count().over(partition_by=group).label("total"),
        )
        .where(*_events_of_run(source, run), delivery_events.c.duration_ms.is_not(None))
        .subquery()
    )
    at_percent = [answered.c.place == answered.c.total * percent // 100 for percent in (50, 95)]
    of_percent = [func.max(case((at, answered.c.duration_ms))) for at in at_percent]
    query = select(answered.c.name, *of_percent).where(or_(*at_percent)).group_by(answered.c.name)
    return {row[0]: (row[1], row[2]) for row in conn.execute(query)}


class Requests(NamedTuple):
    """A run's requests for one integration: how many were answered, how many with 429, first intent, last answer."""

    answered: int
    answers_429: int
    first_at: datetime
    last_at: datetime


def requests(conn: Connection, source: str, run: RunRef) -> dict[str, Requests]:
    """Return what the run sent, by integration."""
    rate_limited = func.count(case((delivery_events.c.http_status == 429, 1)))
    query = (
        select(
            delivery_events.c.integration_id,
            func.count(delivery_events.c.duration_ms),
            rate_limited,
            func.min(delivery_events.c.at),
            func.max(delivery_events.c.at),
        )
        .where(*_events_of_run(source, run), delivery_events.c.actor == Actor.DELIVERY)
        .group_by(delivery_events.c.integration_id)
    )
    return {row[0]: Requests(*row[1:]) for row in conn.execute(query)}


def peak_in_flight(conn: Connection, source: str, run: RunRef) -> dict[str, int]:
    """Return the most intents that were open at once in the run, by integration."""
    # The events tell each intent's beginning and end: the greatest sum of +1 and -1 up to one of them is the peak.
    # Of what happens at one instant the ends come first, for the sender gives a place away before it takes it again.
    opened = delivery_events.c.to_status == Status.SENDING
    change = case((opened, 1), else_=-1).label("change")
    steps = (
        select(delivery_events.c.integration_id, delivery_events.c.at, change)
        .where(*_events_of_run(source, run), opened | _closes_what_the_run_opened(source, run))
        .subquery()
    )
    running = func.sum(steps.c.change).over(partition_by=steps.c.integration_id, order_by=[steps.c.at, steps.c.change])
    levels = select(steps.c.integration_id, running.label("level")).subquery()
    query = select(levels.c.integration_id, func.max(levels.c.level)).group_by(levels.c.integration_id)
    return {row[0]: row[1] for row in conn.execute(query.order_by(levels.c.integration_id))}


def _closes_what_the_run_opened(source: str, run: RunRef) -> ColumnElement[bool]:
    """Leave out what a run settled for a dead one: those requests were never in flight in it."""
    begun = delivery_events.alias()
    opened_in_run = (
        select(begun.c.event_id)
        .where(
            begun.c.source == source,
            begun.c.integration_id == delivery_events.c.integration_id,
            begun.c.applicant_id == delivery_events.c.applicant_id,
            begun.c.dag_id == run.dag_id,
            begun.c.run_id == run.run_id,
            begun.c.to_status == Status.SENDING,
        )
        .exists()
    )
    return and_(
        delivery_events.c.from_status == Status.SENDING, or_(delivery_events.c.actor == Actor.DELIVERY, opened_in_run)
    )


def unsettled(conn: Connection, source: str, kombo_conn_id: str) -> list[Unsettled]:
    """Return the source's doubts and open requests, and the lanes of its connection that are not open, oldest first."""
    in_doubt_or_sending = case((deliveries.c.status == Status.IN_DOUBT, "in doubt"), else_="on the wire")
    doubts = (
        select(
            deliveries.c.integration_id,
            in_doubt_or_sending,
            func.count(),
            func.min(deliveries.c.sent_at),
            func.max(deliveries.c.log_url),
        )
        .where(deliveries.c.source == source, IS_UNSETTLED)
        .group_by(deliveries.c.integration_id, deliveries.c.status)
    )
    stopped = select(
        lanes.c.integration_id,
        lanes.c.state + func.coalesce(": " + lanes.c.code, ""),
        literal(0),
        lanes.c.since,
        lanes.c.log_url,
    ).where(
        lanes.c.kombo_conn_id.in_([kombo_conn_id, EVERYWHERE]),
        lanes.c.state != LaneState.OPEN,
        or_(lanes.c.paused_until.is_(None), lanes.c.paused_until > now(conn)),
    )
    rows: Sequence[Unsettled] = [Unsettled(*row) for row in conn.execute(union_all(doubts, stopped))]
    return sorted(rows, key=lambda row: (row.since is None, row.since))  # None cannot be compared with an instant


def _of_run(source: str, run: RunRef) -> list[ColumnElement[bool]]:
    return _of(deliveries, source, run)


def _events_of_run(source: str, run: RunRef) -> list[ColumnElement[bool]]:
    return _of(delivery_events, source, run)


def _of(table: Table, source: str, run: RunRef) -> list[ColumnElement[bool]]:
    """Put the source so that no index is searched for it: SQLite would read all its rows to group them by their key."""
    return [table.c.source.concat("") == source, table.c.dag_id == run.dag_id, table.c.run_id == run.run_id]
