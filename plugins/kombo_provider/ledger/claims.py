"""What may be sent: the commit of an intent before the first byte of its request, and what still waits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)

from kombo_provider.ledger._by_key import at_places, place
from kombo_provider.ledger._moves import By, Move, move_where, moves_told_together, prepare_move
from kombo_provider.ledger._tables import (
    IS_CLAIMABLE,
    IS_UNSETTLED,
    KEY,
    KEY_COLUMNS,
    UtcDateTime,
    deliveries,
)
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.status import Actor, DeliveryKey, Endpoint, RunRef, Status


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
    priority: int = 0
    refused_on_the_way: bool = False
    """Its last request met a page instead of Kombo's answer."""


@dataclass(frozen=True, slots=True)
class Memory:
    """How many bytes claimed rows may take."""

    room: int
    """Of rows and bodies together; the last row may exceed it."""
    files: int
    """What the files of one row count."""


class ClaimOfLane(Protocol):
    """Claims rows of one lane, as `claim` does."""

    def __call__(
        self, selection: Selection, integration_id: str, limit: int, memory: Memory | None = None
    ) -> list[Intent]: ...


def claim(
    conn: Connection,
    selection: Selection,
    integration_id: str,
    limit: int,
    run: RunRef,
    memory: Memory | None = None,
) -> list[Intent]:
    """Move up to `limit` due rows of a lane from `ready` to `sending`; the lane's lease was renewed in `conn`.

    Rows that another transaction has locked are passed over: a sender waits for nobody. `memory` ends the claim sooner.
    """
    with claims_of_lanes(conn, run) as claim_of:
        return claim_of(selection, integration_id, limit, memory)


@contextmanager
def claims_of_lanes(conn: Connection, run: RunRef) -> Iterator[ClaimOfLane]:
    """Let rows of several lanes be claimed: the events of all are written in one statement, when the block ends.

    The clock is read when the block begins: all locks must be held by then.
    """
    at = now(conn)
    with moves_told_together(conn, By(Actor.DELIVERY, run), at) as make:

        def claim_of(
            selection: Selection, integration_id: str, limit: int, memory: Memory | None = None
        ) -> list[Intent]:
            parameters = {"lane": integration_id, "rows": limit, "now": at, "dag": run.dag_id, "run": run.run_id}
            if memory is not None:
                parameters |= {"room": memory.room, "files": memory.files}
            move = _claim(conn.dialect.name, selection, bounded=memory is not None)
            return [_intent(row) for row in make(move, parameters)]

        yield claim_of


@lru_cache(maxsize=64)
def _claim(dialect: str, selection: Selection, *, bounded: bool) -> Move:
    """Build the claim of a selection's rows once: it runs at every step of a sender."""
    # Each condition for sending stands in this one statement (contract, P1): nothing is read first and trusted later.
    due = _due(dialect, selection)
    if bounded:
        due = _those_that_fit(dialect, due)
    values = {
        # Tells this intent from every other of the row: an answer is recorded only for its own.
        "attempts": deliveries.c.attempts + 1,
        "sent_at": _NOW,
        "first_sent_at": func.coalesce(deliveries.c.first_sent_at, _NOW),
        "finished_at": None,
        "dag_id": bindparam("dag", type_=Text),
        "run_id": bindparam("run", type_=Text),
    }
    return prepare_move(Status.READY, Status.SENDING, [at_places(dialect, due)], values, _INTENT_COLUMNS)


_NOW = bindparam("now", type_=UtcDateTime())


def _due(dialect: str, selection: Selection) -> Select[Any]:
    """Return the places of the next rows that may leave, in turn; those that somebody has locked are passed over."""
    found: ColumnElement[Any] = literal_column(place(dialect)).label("place")
    return (
        select(found)
        .select_from(deliveries)
        .where(
            *selection.conditions(),
            deliveries.c.integration_id == bindparam("lane", type_=Text),
            IS_CLAIMABLE,
            is_due(_NOW),
        )
        .order_by(*_IN_TURN)
        .limit(bindparam("rows", type_=Integer))
        .with_for_update(skip_locked=True)
    )


def is_due(at: ColumnElement[datetime] | datetime) -> ColumnElement[bool]:
    """Tell whether a row's wait is over at a time."""
    return or_(deliveries.c.not_before.is_(None), deliveries.c.not_before <= at)


_LARGE_BYTES = 1024 * 1024
_IN_TURN = (deliveries.c.priority, deliveries.c.staged_at, deliveries.c.applicant_id)


def _those_that_fit(dialect: str, due: Select[Any]) -> Select[Any]:
    """Return the first rows that fit into memory, and always one.

    A row takes its payload as text and once more as the body's bytes.
    """
    length = func.octet_length if dialect == "postgresql" else func.length
    payload = func.coalesce(length(deliveries.c.payload), 0)
    times = case((payload > _LARGE_BYTES, 5), else_=2)  # one emoji, and Python takes four bytes for every character
    files = case((deliveries.c.has_files == 1, bindparam("files", type_=BigInteger)), else_=0)
    size = times * payload + files
    locked = due.add_columns(size.label("size"), *_IN_TURN).subquery("due")
    in_turn = [locked.c[column.name] for column in _IN_TURN]
    up_to_here = func.sum(locked.c.size).over(order_by=in_turn)
    summed = select(locked.c.place, (up_to_here - locked.c.size).label("before")).subquery("summed")
    return select(summed.c.place).where(summed.c.before < bindparam("room", type_=BigInteger))


_INTENT_COLUMNS = (
    deliveries.c.attempts,
    deliveries.c.endpoint,
    deliveries.c.job_id,
    deliveries.c.payload,
    deliveries.c.has_files,
    deliveries.c.retryable_codes,
    deliveries.c.ordered_resend,
    deliveries.c.priority,
    deliveries.c.error_code,
)


def _intent(row: Any) -> Intent:
    return Intent(
        key=DeliveryKey(row.source, row.integration_id, row.applicant_id),
        attempt=row.attempts,
        endpoint=row.endpoint,
        job_id=row.job_id or "",
        payload=row.payload,
        has_files=bool(row.has_files),
        retryable_codes=row.retryable_codes,
        ordered_resend=bool(row.ordered_resend),
        priority=row.priority,
        refused_on_the_way=(row.error_code or "").startswith("HTTP "),
    )


def take_back(conn: Connection, integration_id: str, kombo_conn_id: str, begun: Collection[DeliveryKey]) -> int:
    """Give claims back that their own sender knows nothing of; return how many.

    A commit may succeed though its answer is lost. Such a row was never put on the wire by the holder of the lane, who
    is the only one that could: `conn` has proven that the lane is still its own, and `begun` are all it ever began.
    """
    of_lane = and_(
        deliveries.c.kombo_conn_id == kombo_conn_id,
        deliveries.c.integration_id == integration_id,
        IS_UNSETTLED,
    )
    query = select(*KEY_COLUMNS).where(of_lane, deliveries.c.status == Status.SENDING)
    claimed = {DeliveryKey(*row) for row in conn.execute(query)}
    unheard = claimed.difference(begun)
    if not unheard:
        return 0
    at = now(conn)
    by = By(Actor.DELIVERY, name="taken back")
    conditions = [of_lane, KEY.in_(unheard)]
    return len(move_where(conn, Status.SENDING, Status.READY, conditions, {"finished_at": at}, by, at))


def count_ready(
    conn: Connection, selection: Selection, integration_ids: Sequence[str] = (), *, due: bool = False
) -> dict[str, int]:
    """Count the rows of a selection that may be sent, by integration; the ids narrow where given, `due` to those now.

    Rows that are held are not among them.
    """
    conditions = [*selection.conditions(), IS_CLAIMABLE]
    if due:
        conditions.append(is_due(now(conn)))
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
    conditions = [*replace(selection, staged_by=None).conditions(), IS_CLAIMABLE]
    if integration_ids:
        conditions.append(deliveries.c.integration_id.in_(integration_ids))
    waiting = (
        select(*KEY_COLUMNS)
        .where(*conditions, or_(deliveries.c.run_id != run.run_id, deliveries.c.dag_id != run.dag_id))
        .order_by(*_IN_TURN)
        .limit(max(0, limit - sum(own.values())))
    )
    conn.execute(update(deliveries).where(IS_CLAIMABLE, KEY.in_(waiting)).values(dag_id=run.dag_id, run_id=run.run_id))


def next_due(conn: Connection, selection: Selection, integration_ids: Sequence[str]) -> datetime | None:
    """Return when the next row of the lanes may leave; None where none waits, or all are held."""
    waiting = (*selection.conditions(), IS_CLAIMABLE, deliveries.c.integration_id.in_(integration_ids))
    at_once = select(deliveries.c.staged_at).where(*waiting, deliveries.c.not_before.is_(None)).limit(1)
    staged_at: datetime | None = conn.scalar(at_once)
    # Most rows never wait: two look-ups in an index cost less than one minimum over all of the lane.
    if staged_at is not None:
        return staged_at
    due: datetime | None = conn.scalar(select(func.min(deliveries.c.not_before)).where(*waiting))
    return due
