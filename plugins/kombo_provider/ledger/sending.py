"""The two commits around every request: the intent before its first byte, the answer after its last."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Update,
    and_,
    any_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from kombo_provider.ledger import events
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import DeliveryKey, Endpoint, RunRef, Status
from kombo_provider.ledger.tables import IS_READY, IS_UNSETTLED, UtcDateTime, deliveries


@dataclass(frozen=True, slots=True)
class Selection:
    """Which `ready` rows a run may send: those of its source, narrowed by its params."""

    source: str
    kombo_conn_id: str
    applicant_ids: tuple[str, ...] = ()
    staged_by: RunRef | None = None

    def conditions(self) -> list[Any]:
        """The selection as conditions on `kombo_deliveries`, without the integration."""
        found = [deliveries.c.source == self.source, deliveries.c.kombo_conn_id == self.kombo_conn_id]
        if self.applicant_ids:
            found.append(deliveries.c.applicant_id.in_(self.applicant_ids))
        if self.staged_by:
            found += [
                deliveries.c.dag_id == self.staged_by.dag_id,
                deliveries.c.run_id == self.staged_by.run_id,
            ]
        return found


@dataclass(frozen=True, slots=True)
class Intent:
    """A delivery whose request may leave: committed as `sending`; `attempt` tells it from every other try.

    `payload` is None where the person was forgotten while an earlier request was on the wire.
    """

    key: DeliveryKey
    attempt: int
    endpoint: Endpoint
    job_id: str
    payload: str | None
    has_files: bool
    retryable_codes: int
    ordered_resend: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an intent: the status it takes on and the columns that go with it."""

    intent: Intent
    status: Status
    values: dict[str, Any]
    retry_after_seconds: float | None = None
    duration_ms: int | None = None


_KEY_COLUMNS = (deliveries.c.source, deliveries.c.integration_id, deliveries.c.applicant_id)
_KEY = tuple_(*_KEY_COLUMNS)


def claim(conn: Connection, selection: Selection, integration_id: str, limit: int, run: RunRef) -> list[Intent]:
    """Move up to `limit` due rows of a lane from `ready` to `sending`; the lane's lease was renewed in `conn`.

    Rows that another transaction has locked are passed over: a sender waits for nobody.
    """
    at = now(conn)
    place: ColumnElement[Any] = literal_column("ctid" if conn.dialect.name == "postgresql" else "rowid")
    due = (
        select(place)
        .select_from(deliveries)
        .where(
            *selection.conditions(),
            deliveries.c.integration_id == integration_id,
            IS_READY,
            or_(deliveries.c.not_before.is_(None), deliveries.c.not_before <= at),
        )
        .order_by(deliveries.c.priority, deliveries.c.staged_at, deliveries.c.applicant_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(deliveries)
        .where(_at(conn, place, due))
        .values(
            status=Status.SENDING,
            attempts=deliveries.c.attempts + 1,
            sent_at=at,
            first_sent_at=func.coalesce(deliveries.c.first_sent_at, literal(at, UtcDateTime())),
            finished_at=None,
            dag_id=run.dag_id,
            run_id=run.run_id,
        )
        .returning(*_INTENT_COLUMNS)
    )
    intents = [_intent(selection.source, integration_id, row) for row in conn.execute(statement)]
    events.append(conn, [events.event(i.key, Status.READY, Status.SENDING, at, run, actor="deliver") for i in intents])
    return intents


def _at(conn: Connection, place: ColumnElement[Any], chosen: Select[Any]) -> ColumnElement[bool]:
    """Address rows by their place in the table: PostgreSQL, left to join them, reads a new table as a whole."""
    if conn.dialect.name == "postgresql":
        return place == any_(func.array(chosen.scalar_subquery()))
    return place.in_(chosen)


_INTENT_COLUMNS = (
    deliveries.c.applicant_id,
    deliveries.c.attempts,
    deliveries.c.endpoint,
    deliveries.c.job_id,
    deliveries.c.payload,
    deliveries.c.has_files,
    deliveries.c.retryable_codes,
    deliveries.c.ordered_resend,
)


def _intent(source: str, integration_id: str, row: Any) -> Intent:
    return Intent(
        key=DeliveryKey(source, integration_id, row.applicant_id),
        attempt=row.attempts,
        endpoint=row.endpoint,
        job_id=row.job_id or "",
        payload=row.payload,
        has_files=bool(row.has_files),
        retryable_codes=row.retryable_codes,
        ordered_resend=bool(row.ordered_resend),
    )


RESULT_COLUMNS = (
    "email_sha256",
    "problems",
    "kombo_application_id",
    "kombo_application_remote_id",
    "kombo_candidate_id",
    "kombo_candidate_remote_id",
    "resolution",
    "retryable_codes",
    "ordered_resend",
    "not_before",
    "http_status",
    "error_code",
    "error_title",
    "error_message",
    "log_url",
    "warnings",
)
"""Columns that every result sets; one that a result does not name becomes NULL (counters keep their value)."""


def record(conn: Connection, results: Sequence[Result], run: RunRef) -> list[Result]:
    """Commit what became of intents, each only if no later attempt was made; only what changed enters the history.

    A success is recorded also where the lane was taken over meanwhile and the row put in doubt, or ordered to be sent
    again: the answer is proof. Any other late answer leaves the row as it is. Returns the successes that found no row
    to change.
    """
    at = now(conn)
    history: list[dict[str, Any]] = []
    unplaced: list[Result] = []
    for status in sorted({result.status for result in results}):
        left: Sequence[Result] = [result for result in results if result.status is status]
        for from_status in _PROOF_FOR if status is Status.DELIVERED else (Status.SENDING,):
            moved, left = _move(conn, left, from_status, at)
            history += [_result_event(result, from_status, at, run) for result in moved]
        unplaced += left if status is Status.DELIVERED else []
    events.append(conn, history)
    return _unknown(conn, unplaced)


def _unknown(conn: Connection, successes: Sequence[Result]) -> list[Result]:
    """Leave out what the ledger has already: a commit may succeed though its answer is lost, and is repeated."""
    if not successes:
        return []
    query = select(*_KEY_COLUMNS, deliveries.c.kombo_application_id).where(
        _KEY.in_([result.intent.key for result in successes]), deliveries.c.status == Status.DELIVERED
    )
    found = {DeliveryKey(*row[:3]): row[3] for row in conn.execute(query)}
    return [
        result for result in successes if found.get(result.intent.key, "") != result.values.get("kombo_application_id")
    ]


_PROOF_FOR = (Status.SENDING, Status.IN_DOUBT, Status.READY)


def _move(
    conn: Connection, group: Sequence[Result], from_status: Status, at: datetime
) -> tuple[Sequence[Result], Sequence[Result]]:
    """Give rows in `from_status` the one that all the results have; return which moved and which did not."""
    if not group:
        return (), ()
    status = group[0].status
    statement = _record_statement(from_status, status)
    changed = conn.execute(statement, [_parameters(result, at) for result in group]).rowcount
    if changed == len(group):
        return group, ()
    query = select(*_KEY_COLUMNS).where(
        _KEY.in_([result.intent.key for result in group]), deliveries.c.status == status, deliveries.c.finished_at == at
    )
    keys = {DeliveryKey(*row) for row in conn.execute(query)} if changed else set()
    moved = [result for result in group if result.intent.key in keys]
    return moved, [result for result in group if result.intent.key not in keys]


@cache
def _record_statement(from_status: Status, status: Status) -> Update:
    values: dict[str, Any] = {name: bindparam(f"new_{name}", type_=deliveries.c[name].type) for name in RESULT_COLUMNS}
    if status is Status.DELIVERED:
        values["payload"] = None
    return (
        update(deliveries)
        .where(
            deliveries.c.source == bindparam("key_source"),
            deliveries.c.integration_id == bindparam("key_integration_id"),
            deliveries.c.applicant_id == bindparam("key_applicant_id"),
            deliveries.c.attempts == bindparam("attempt"),
            deliveries.c.status == from_status,
            *([deliveries.c.ordered_resend == 1] if from_status is Status.READY else []),
        )
        .values(status=status, finished_at=bindparam("at", type_=UtcDateTime()), **values)
    )


def _parameters(result: Result, at: datetime) -> dict[str, Any]:
    intent = result.intent
    kept = {"retryable_codes": intent.retryable_codes, "ordered_resend": int(intent.ordered_resend)}
    values = dict.fromkeys(RESULT_COLUMNS) | kept | result.values
    if result.retry_after_seconds is not None:
        values["not_before"] = at + timedelta(seconds=result.retry_after_seconds)
    return {
        "key_source": intent.key.source,
        "key_integration_id": intent.key.integration_id,
        "key_applicant_id": intent.key.applicant_id,
        "attempt": intent.attempt,
        "at": at,
        **{f"new_{name}": value for name, value in values.items()},
    }


def _result_event(result: Result, from_status: Status, at: datetime, run: RunRef) -> dict[str, Any]:
    return events.event(
        result.intent.key,
        from_status,
        result.status,
        at,
        run,
        actor="deliver",
        error_code=result.values.get("error_code"),
        http_status=result.values.get("http_status"),
        duration_ms=result.duration_ms,
    )


def take_back(conn: Connection, integration_id: str, kombo_conn_id: str, known: Collection[DeliveryKey]) -> int:
    """Give claims back that their own sender knows nothing of; return how many.

    A commit may succeed though its answer is lost. Such a row was never put on the wire by the holder of the lane, who
    is the only one that could: `conn` has proven that the lane is still its own, and `known` are all it ever began.
    """
    of_lane = and_(
        deliveries.c.kombo_conn_id == kombo_conn_id,
        deliveries.c.integration_id == integration_id,
        IS_UNSETTLED,
        deliveries.c.status == Status.SENDING,
    )
    query = select(*_KEY_COLUMNS).where(of_lane)
    unknown = [key for row in conn.execute(query) if (key := DeliveryKey(*row)) not in known]
    if unknown:
        at = now(conn)
        conn.execute(update(deliveries).where(of_lane, _KEY.in_(unknown)).values(status=Status.READY, finished_at=at))
        events.append(
            conn, [events.event(key, Status.SENDING, Status.READY, at, None, actor="taken back") for key in unknown]
        )
    return len(unknown)


def count_ready(conn: Connection, selection: Selection, integration_ids: Sequence[str] = ()) -> dict[str, int]:
    """Count the `ready` rows of a selection by integration, due or not; the ids narrow where given."""
    conditions = [*selection.conditions(), IS_READY]
    if integration_ids:
        conditions.append(deliveries.c.integration_id.in_(integration_ids))
    query = (
        select(deliveries.c.integration_id, func.count())
        .where(*conditions)
        .group_by(deliveries.c.integration_id)
        .order_by(deliveries.c.integration_id)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def adopt(conn: Connection, selection: Selection, integration_ids: Sequence[str], limit: int, run: RunRef) -> None:
    """Put rows that are `ready` since earlier runs down to this one, oldest first, until it has `limit` of them."""
    own = count_ready(conn, replace(selection, staged_by=run), integration_ids)
    conditions = [*replace(selection, staged_by=None).conditions(), IS_READY]
    if integration_ids:
        conditions.append(deliveries.c.integration_id.in_(integration_ids))
    waiting = (
        select(*_KEY_COLUMNS)
        .where(*conditions, or_(deliveries.c.run_id != run.run_id, deliveries.c.dag_id != run.dag_id))
        .order_by(deliveries.c.priority, deliveries.c.staged_at, deliveries.c.applicant_id)
        .limit(max(0, limit - sum(own.values())))
    )
    conn.execute(update(deliveries).where(IS_READY, _KEY.in_(waiting)).values(dag_id=run.dag_id, run_id=run.run_id))


def next_due(conn: Connection, selection: Selection, integration_ids: Sequence[str]) -> datetime | None:
    """Return when the next `ready` row of the lanes may leave; None where there is no such row."""
    waiting = (*selection.conditions(), IS_READY, deliveries.c.integration_id.in_(integration_ids))
    at_once = select(deliveries.c.staged_at).where(*waiting, deliveries.c.not_before.is_(None)).limit(1)
    staged_at: datetime | None = conn.scalar(at_once)
    if staged_at is not None:
        return staged_at
    due: datetime | None = conn.scalar(select(func.min(deliveries.c.not_before)).where(*waiting))
    return due


def lanes_on_wire(conn: Connection, source: str, kombo_conn_id: str) -> list[str]:
    """Return the integrations on whose lanes requests for the source's rows may be on the wire."""
    query = (
        select(deliveries.c.integration_id)
        .where(
            deliveries.c.kombo_conn_id == kombo_conn_id,
            IS_UNSETTLED,
            deliveries.c.status == Status.SENDING,
            deliveries.c.source == source,
        )
        .distinct()
    )
    return list(conn.scalars(query))


def count_on_wire(conn: Connection) -> int:
    """Count the requests that may be on the wire, over all sources and lanes."""
    return conn.scalar(select(func.count()).where(IS_UNSETTLED, deliveries.c.status == Status.SENDING)) or 0
