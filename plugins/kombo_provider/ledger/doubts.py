"""Deliveries in doubt, and what settles them: a record found at Kombo, or a person's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, union_all, update

from kombo_provider.ledger._moves import By, move_where
from kombo_provider.ledger._tables import (
    EMPTIED,
    IS_IN_DOUBT,
    LACKS_AN_ID,
    deliveries,
    is_key,
)
from kombo_provider.ledger.email_digest import email_of, payload_digest
from kombo_provider.ledger.kombo_ids import ID_COLUMNS, KomboIds
from kombo_provider.ledger.ledger import CLOCKS_DIFFER_BY, now
from kombo_provider.ledger.status import LOOKED_UP, Actor, DeliveryKey, Resolution, RunRef, Status

RESEND_MARGIN = timedelta(seconds=60)
"""A resend never starts before the request in doubt has timed out, and this much later."""

MISSING_IDS_FOR = timedelta(days=7)
"""How long after a delivery its missing ids are looked up: an ATS may have none to give."""

AUTOMATIC_RESENDS_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Doubt:
    """A delivery whose outcome or ids are to be looked up, without its payload, which may hold megabytes of files.

    `email` is filled in for a look-up only; neither it nor `email_sha256` leaves the process.
    """

    key: DeliveryKey
    status: Status
    attempts: int
    job_id: str
    email_sha256: str | None
    first_sent_at: datetime | None
    sent_at: datetime | None
    log_url: str | None
    error_code: str | None
    looked_up_at: datetime | None
    asked_at: datetime | None
    ids: KomboIds
    email: str | None = field(default=None, repr=False)

    @property
    def is_news(self) -> bool:
        """Whether nobody was asked about its newest request yet."""
        return self.asked_at is None or (self.sent_at is not None and self.asked_at < self.sent_at)


# Not the payload, which may hold megabytes of files.
COLUMNS = (
    deliveries.c.source,
    deliveries.c.integration_id,
    deliveries.c.applicant_id,
    deliveries.c.status,
    deliveries.c.attempts,
    deliveries.c.job_id,
    deliveries.c.email_sha256,
    deliveries.c.first_sent_at,
    deliveries.c.sent_at,
    deliveries.c.log_url,
    deliveries.c.error_code,
    deliveries.c.looked_up_at,
    deliveries.c.asked_at,
    *(deliveries.c[name] for name in ID_COLUMNS),
)


def to_look_up(conn: Connection, source: str, kombo_conn_id: str, limit: int) -> list[Doubt]:
    """Return the rows in doubt and the delivered ones without an id, those not looked up for longest first.

    `limit` is for each integration: one that cannot be read keeps no other from its turn.
    """
    disbelieve_future(conn, source)
    known_by = or_(
        deliveries.c.kombo_application_id.is_not(None),
        deliveries.c.kombo_candidate_id.is_not(None),
        deliveries.c.email_sha256.is_not(None),
    )
    recent = deliveries.c.finished_at > now(conn) - MISSING_IDS_FOR
    of_source = deliveries.c.source == source, deliveries.c.kombo_conn_id == kombo_conn_id
    rows = select(*COLUMNS, deliveries.c.staged_at).where(*of_source)
    # Two queries, not one with OR: each has a partial index, and an OR of both conditions would use neither.
    in_doubt = rows.where(IS_IN_DOUBT)
    without_an_id = rows.where(LACKS_AN_ID, known_by, recent)
    found = union_all(in_doubt, without_an_id).subquery()
    turn = func.row_number().over(
        partition_by=found.c.integration_id,
        order_by=[func.coalesce(found.c.looked_up_at, found.c.staged_at), found.c.applicant_id],
    )
    wanted = select(found, turn.label("turn")).subquery()
    columns = [wanted.c[column.name] for column in COLUMNS]
    query = select(*columns).where(wanted.c.turn <= limit).order_by(wanted.c.turn, wanted.c.integration_id)
    doubts = []
    for row in conn.execute(query).all():
        doubt = doubt_of(row)
        doubts.append(replace(doubt, email=email_of(payload_of(conn, doubt.key))))
    return doubts


def disbelieve_future(conn: Connection, source: str) -> int:
    """Count requests in doubt as sent now whose stored time is yet to come; return how many.

    A clock that was ahead wrote it: nobody would be asked, and nothing resent, until it has come.
    """
    at = now(conn)
    in_future = [*are_in_doubt(source), deliveries.c.sent_at > at + CLOCKS_DIFFER_BY]
    return conn.execute(update(deliveries).where(*in_future).values(sent_at=at)).rowcount


def sources_to_look_up(conn: Connection, kombo_conn_id: str) -> list[str]:
    """Return the sources that send through a connection and have anything to look up, or could have."""
    # Fewer conditions than `to_look_up` has: a source too many is asked for, and has nothing.
    waiting = or_(deliveries.c.status == Status.IN_DOUBT, deliveries.c.kombo_application_id.is_(None))
    query = select(deliveries.c.source).where(
        deliveries.c.kombo_conn_id == kombo_conn_id,
        deliveries.c.status.in_(LOOKED_UP),
        waiting,
    )
    return sorted(conn.scalars(query.distinct()))


def payload_of(conn: Connection, key: DeliveryKey) -> str | None:
    """Read one payload: one at a time, since it may hold megabytes of files."""
    return conn.scalar(select(deliveries.c.payload).where(is_key(key)))


def in_doubt(conn: Connection, source: str, integration_id: str | None = None) -> list[Doubt]:
    """Return the rows in doubt of a source, oldest request first."""
    conditions = [deliveries.c.source == source, IS_IN_DOUBT]
    if integration_id is not None:
        conditions.append(deliveries.c.integration_id == integration_id)
    query = select(*COLUMNS).where(*conditions).order_by(deliveries.c.sent_at, deliveries.c.applicant_id)
    return [doubt_of(row) for row in conn.execute(query)]


def doubt_of(row: Any) -> Doubt:
    """Return the doubt of a row with these columns."""
    values = dict(row._mapping)
    key = DeliveryKey(*map(values.pop, DeliveryKey._fields))
    ids = KomboIds(*map(values.pop, ID_COLUMNS))
    status = Status(values.pop("status"))
    return Doubt(key, status, **values, ids=ids)


def looked_up(conn: Connection, keys: Sequence[DeliveryKey]) -> None:
    """Remember that the rows were looked up now."""
    at = now(conn)
    for key in keys:
        conn.execute(update(deliveries).where(is_key(key)).values(looked_up_at=at))


def fill_ids(conn: Connection, doubt: Doubt, ids: KomboIds, by: By) -> bool:
    """Store ids that were found, never overwriting one; a row in doubt becomes delivered.

    Return False where nothing was new, or the row moved meanwhile.
    """
    known = doubt.ids._asdict()
    found = {name: value for name, value in ids._asdict().items() if value is not None}
    fresh = {name: value for name, value in found.items() if known[name] is None}
    if not fresh:
        return False
    at = now(conn)
    # `written_back_at` goes, so that the next write-back takes the new ids into the user's table.
    values: dict[str, Any] = {"looked_up_at": at, "written_back_at": None}
    for name, value in fresh.items():
        # A sync or another look-up may have stored one since the doubt was read.
        values[name] = func.coalesce(deliveries.c[name], value)
    if doubt.status is Status.IN_DOUBT:
        return _settle(conn, doubt, Status.DELIVERED, values | _delivered(at, Resolution.LOOKUP), by, at)
    statement = update(deliveries).where(*_unmoved(doubt), deliveries.c.status == doubt.status).values(values)
    return conn.execute(statement).rowcount == 1


def _delivered(at: datetime, resolution: Resolution) -> dict[str, Any]:
    return {"resolution": resolution, "finished_at": at, **EMPTIED}


def settle_as_sent(
    conn: Connection, doubts: Sequence[Doubt], by: By, remote_ids: Mapping[str, str] | None = None
) -> int:
    """Mark the rows delivered, since a person says that they were sent; return how many. The ids are looked up later.

    `remote_ids` are the ATS's ids of applications that the person named, by applicant.
    """
    at = now(conn)
    count = 0
    for doubt in doubts:
        # The payload goes; by the digest of its address the ids are looked up all the same.
        digest = payload_digest(conn, payload_of(conn, doubt.key)) or doubt.email_sha256
        values = _delivered(at, Resolution.HUMAN) | {"email_sha256": digest}
        if remote_ids and doubt.key.applicant_id in remote_ids:
            values["kombo_application_remote_id"] = remote_ids[doubt.key.applicant_id]
        count += _settle(conn, doubt, Status.DELIVERED, values, by, at)
    return count


def order_resend(conn: Connection, doubts: Sequence[Doubt], timeout: timedelta, by: By) -> int:
    """Make the rows ready again, though not before the requests in doubt have surely ended; return how many."""
    at = now(conn)
    count = 0
    for doubt in doubts:
        earliest = min(doubt.sent_at or at, at) + timeout + RESEND_MARGIN  # sent by now, whatever a clock said
        values = {"ordered_resend": 1, "not_before": earliest, "finished_at": None, "ask_after": None}
        count += _settle(conn, doubt, Status.READY, values, by, at)
    return count


def order_automatic_resends(conn: Connection, source: str, timeout: timedelta, run: RunRef) -> int:
    """Order what `in_doubt="resend"` asks for: rows whose requests have surely ended, a few times each."""
    disbelieve_future(conn, source)
    latest = now(conn) - timeout - RESEND_MARGIN
    due = []
    for doubt in in_doubt(conn, source):
        has_ended = doubt.sent_at is None or doubt.sent_at <= latest
        # Each resend may make one more application: where none is ever answered, a person decides.
        if has_ended and doubt.attempts <= AUTOMATIC_RESENDS_AT_MOST:
            due.append(doubt)
    return order_resend(conn, due, timeout, By(Actor.POLICY, run, 'in_doubt="resend"'))


def give_up(conn: Connection, doubts: Sequence[Doubt], by: By) -> int:
    """Cancel the rows for good, since a person gives them up; return how many."""
    at = now(conn)
    values = {"resolution": Resolution.HUMAN, "finished_at": at, **EMPTIED}
    count = 0
    for doubt in doubts:
        count += _settle(conn, doubt, Status.CANCELLED, values, by, at)
    return count


def are_in_doubt(source: str) -> list[ColumnElement[bool]]:
    """Return the conditions that deliveries are the source's rows in doubt."""
    return [deliveries.c.source == source, IS_IN_DOUBT]


def _settle(conn: Connection, doubt: Doubt, to_status: Status, values: dict[str, Any], by: By, at: datetime) -> bool:
    """Move a row that is still in doubt, and about the same request."""
    return bool(move_where(conn, Status.IN_DOUBT, to_status, _unmoved(doubt), values, by, at))


def _unmoved(doubt: Doubt) -> list[ColumnElement[bool]]:
    # Every intent adds one to `attempts`: what is known of one request decides nothing about a later one.
    return [is_key(doubt.key), deliveries.c.attempts == doubt.attempts]
