"""The only place where a delivery changes its status: a move is checked, made and told in one group of statements.

Every move stands in `status.MOVES`. The event of a move is written in the same transaction as the row, so the history
of a delivery tells its whole life from its staging on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Executable, Row, Update, bindparam, select, update

from kombo_provider.ledger._bulk import insert_rows
from kombo_provider.ledger._tables import KEY, KEY_COLUMNS, deliveries, delivery_events
from kombo_provider.ledger.status import MOVES, Actor, DeliveryKey, RunRef, Status


@dataclass(frozen=True, slots=True)
class By:
    """Who makes a move: a kind, a person's or a setting's name, and the run on whose behalf it is made."""

    actor: Actor
    run: RunRef | None = None
    name: str | None = None


class Answer(NamedTuple):
    """What a move's event keeps of the answer that caused it."""

    error_code: str | None = None
    http_status: int | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One row's part of a move: its key, the columns that change with it, and the attempt that it belongs to.

    With an `attempt` the row moves only while that is its newest one.
    """

    key: DeliveryKey
    values: Mapping[str, Any]
    attempt: int | None = None
    answer: Answer = field(default=Answer())


def enter(conn: Connection, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert new deliveries in the status that their values name; a life begins without an event."""
    insert_rows(conn, deliveries, columns, rows)


@dataclass(frozen=True, slots=True)
class Move:
    """A statement that moves rows from one status to another; made once where it runs at every step."""

    statement: Executable
    from_status: Status
    to_status: Status


MakeMove = Callable[[Move, Mapping[str, Any]], Sequence[Row[Any]]]
"""Makes a move with some parameters; returns the moved rows, as the move's statement does."""


def prepare_move(
    from_status: Status,
    to_status: Status,
    conditions: Iterable[ColumnElement[bool]],
    values: Mapping[str, Any],
    returning: Sequence[ColumnElement[Any]] = (),
) -> Move:
    """Return the move of the rows that meet the conditions; it returns their keys, and the columns asked for."""
    _check(from_status, to_status)
    statement = (
        update(deliveries)
        .where(deliveries.c.status == from_status, *conditions)
        .values(status=to_status, **values)
        .returning(*KEY_COLUMNS, *returning)
    )
    return Move(statement, from_status, to_status)


def make_move(
    conn: Connection, move: Move, by: By, at: datetime, parameters: Mapping[str, Any] | None = None
) -> Sequence[Row[Any]]:
    """Move the rows and tell of each; return what the move returns of them."""
    with moves_told_together(conn, by, at) as make:
        return make(move, dict(parameters or {}))


@contextmanager
def moves_told_together(conn: Connection, by: By, at: datetime) -> Iterator[MakeMove]:
    """Let several moves be made; all are told of in one statement, when the block ends.

    An error in the block leaves its moves untold: it has to end the transaction.
    """
    events: list[dict[str, Any]] = []

    def make(move: Move, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        moved = conn.execute(move.statement, parameters).all()
        if move.from_status is not move.to_status:
            keys = (DeliveryKey(*row[:3]) for row in moved)
            events.extend(_event(key, move.from_status, move.to_status, Answer(), by, at) for key in keys)
        return moved

    yield make
    _append(conn, events)


def move_where(
    conn: Connection,
    from_status: Status,
    to_status: Status,
    conditions: Iterable[ColumnElement[bool]],
    values: Mapping[str, Any],
    by: By,
    at: datetime,
) -> Sequence[Row[Any]]:
    """Move the rows in `from_status` that meet the conditions; return their keys."""
    return make_move(conn, prepare_move(from_status, to_status, conditions, values), by, at)


def move_each(
    conn: Connection, from_status: Status, to_status: Status, changes: Sequence[Change], by: By, at: datetime
) -> Sequence[Change]:
    """Move rows that differ in what changes with them; return those that moved.

    All changes name the same columns, `finished_at` among them, and either all name an attempt or none does.
    """
    if not changes:
        return ()
    _check(from_status, to_status)
    fenced = changes[0].attempt is not None
    statement = _move_statement(from_status, to_status, tuple(changes[0].values), fenced=fenced)
    count = conn.execute(statement, [_parameters(change, fenced=fenced) for change in changes]).rowcount
    moved: Sequence[Change] = ()
    if count == len(changes):
        moved = changes
    elif count:
        # Seldom, and so worth a query: the driver only says how many they are.
        moved = _find_moved(conn, to_status, changes, at)
    _tell(conn, from_status, to_status, [(change.key, change.answer) for change in moved], by, at)
    return moved


def tell_without_move(conn: Connection, key: DeliveryKey, status: Status, answer: Answer, by: By, at: datetime) -> None:
    """Keep in the history that an answer came for a row that has moved on, and stays as it is."""
    _append(conn, [_event(key, status, status, answer, by, at)])


def _check(from_status: Status, to_status: Status) -> None:
    if from_status is not to_status and to_status not in MOVES[from_status]:
        raise ValueError(f"A delivery never moves from {from_status} to {to_status}: see kombo_provider.ledger.status")


@cache
def _move_statement(from_status: Status, to_status: Status, columns: tuple[str, ...], *, fenced: bool) -> Update:
    conditions = [deliveries.c[name] == bindparam(f"key_{name}") for name in DeliveryKey._fields]
    if fenced:
        conditions.append(deliveries.c.attempts == bindparam("key_attempt"))
    values = {name: bindparam(f"new_{name}", type_=deliveries.c[name].type) for name in columns}
    return update(deliveries).where(*conditions, deliveries.c.status == from_status).values(status=to_status, **values)


def _parameters(change: Change, *, fenced: bool) -> dict[str, Any]:
    parameters = {f"new_{name}": value for name, value in change.values.items()}
    for name, value in zip(DeliveryKey._fields, change.key, strict=True):
        parameters[f"key_{name}"] = value
    if fenced:
        parameters["key_attempt"] = change.attempt
    return parameters


def _find_moved(conn: Connection, to_status: Status, changes: Sequence[Change], at: datetime) -> Sequence[Change]:
    """Find out which rows a statement of many moved: the driver only says how many."""
    query = select(*KEY_COLUMNS).where(
        KEY.in_([change.key for change in changes]), deliveries.c.status == to_status, deliveries.c.finished_at == at
    )
    keys = {DeliveryKey(*row) for row in conn.execute(query)}
    return [change for change in changes if change.key in keys]


def _tell(
    conn: Connection,
    from_status: Status,
    to_status: Status,
    moved: Sequence[tuple[DeliveryKey, Answer]],
    by: By,
    at: datetime,
) -> None:
    if from_status is not to_status:
        _append(conn, [_event(key, from_status, to_status, answer, by, at) for key, answer in moved])


def _event(
    key: DeliveryKey, from_status: Status, to_status: Status, answer: Answer, by: By, at: datetime
) -> dict[str, Any]:
    return {
        **key._asdict(),
        "from_status": from_status,
        "to_status": to_status,
        "at": at,
        "dag_id": by.run.dag_id if by.run else None,
        "run_id": by.run.run_id if by.run else None,
        "actor": by.actor,
        "actor_name": by.name,
        **answer._asdict(),
    }


def _append(conn: Connection, events: Sequence[dict[str, Any]]) -> None:
    if events:
        conn.execute(delivery_events.insert(), list(events))
