"""Which questions are open: one at a time about each integration's rows of a kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Update, and_, delete, func, or_, select, update

from kombo_provider.ledger._bulk import insert_into
from kombo_provider.ledger._run_tables import questions
from kombo_provider.ledger._tables import deliveries, is_key
from kombo_provider.ledger.doubts import Doubt
from kombo_provider.ledger.ledger import now


class About(StrEnum):
    """What a question is about: rows in doubt, or rows that are held for approval."""

    DOUBTS = "in_doubt"
    APPROVAL = "approval"


class QuestionKey(NamedTuple):
    """What tells one question from all others."""

    source: str
    integration_id: str
    about: About


def open_one(conn: Connection, key: QuestionKey, asked_by: str, open_for: timedelta) -> bool:
    """Count a question as open for so long; return False where another one about the same is open, or not yet due."""
    at = now(conn)
    opened: dict[str, Any] = {"asked_by": asked_by, "open_until": at + open_for, "ask_after": None}
    # One statement, so that of two runs only one gets the row back: the other's condition finds it open.
    statement = (
        insert_into(conn, questions)
        .values(**key._asdict(), **opened)
        .on_conflict_do_update(index_elements=list(questions.primary_key), set_=opened, where=_may_open(at))
        .returning(questions.c.integration_id)
    )
    return conn.scalar(statement) is not None


def _may_open(at: datetime) -> ColumnElement[bool]:
    # It also ends by itself: the task that put it may have been killed before it could close it.
    return and_(is_over(questions.c.open_until, at), is_over(questions.c.ask_after, at))


LONGEST_REST = timedelta(days=10)
"""No question is open for nearly as long, nor put again as late as that."""


def is_over(until: ColumnElement[Any], at: datetime) -> ColumnElement[bool]:
    """Tell whether a question may be put again; what lies too far ahead was written by a clock that was wrong."""
    return or_(until.is_(None), until <= at, until > at + LONGEST_REST)


def close(conn: Connection, key: QuestionKey, asked_by: str, *, ask_again_after: timedelta | None = None) -> None:
    """Count the question as answered, unless another run has put it since."""
    ask_after = None
    if ask_again_after is not None:
        ask_after = now(conn) + ask_again_after
    mine = questions.c.asked_by == asked_by
    conn.execute(_of(key).where(mine).values(open_until=None, ask_after=ask_after))


def rows_told(conn: Connection, key: QuestionKey) -> int:
    """Return how many rows whoever is notified was told of last; only for questions that are about a number."""
    return conn.scalar(select(func.coalesce(questions.c.rows_told, 0)).where(*_is(key))) or 0


def tell(conn: Connection, key: QuestionKey, rows: int) -> None:
    """Remember of how many rows somebody was told."""
    conn.execute(_of(key).values(rows_told=rows))


def tell_at_most(conn: Connection, key: QuestionKey, rows: int) -> None:
    """Count no more rows as told of than there are of those."""
    conn.execute(_of(key).where(questions.c.rows_told > rows).values(rows_told=rows))


def tell_of_rows(conn: Connection, doubts: Sequence[Doubt]) -> None:
    """Remember that somebody was told of these requests in doubt."""
    at = now(conn)
    for doubt in doubts:
        # Of a later request, sent since, nobody was told.
        same_request = [is_key(doubt.key), deliveries.c.attempts == doubt.attempts]
        conn.execute(update(deliveries).where(*same_request).values(asked_at=at))


def forget_settled(conn: Connection, source: str, about: About, integration_ids: Collection[str]) -> None:
    """Drop closed questions about integrations that have no such rows any more: the next ones are new."""
    settled = [
        questions.c.source == source,
        questions.c.about == about,
        is_over(questions.c.open_until, now(conn)),
        questions.c.integration_id.not_in(sorted(integration_ids)),
    ]
    conn.execute(delete(questions).where(*settled))


def _of(key: QuestionKey) -> Update:
    return update(questions).where(*_is(key))


def _is(key: QuestionKey) -> list[ColumnElement[bool]]:
    return [questions.c[name] == value for name, value in key._asdict().items()]
