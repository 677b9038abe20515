"""Rows of the source that never enter the ledger, for they have no key or another row's, and who saw them first.

They come back with every extract that reads them. What is kept of them is a digest, so that a run knows which of them
are new without keeping a value of theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from kombo_provider.ledger._bulk import upsert
from kombo_provider.ledger._run_tables import passed_over
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import RunRef


class Kind(StrEnum):
    """Why a row never enters the ledger; the words are those of the report."""

    WITHOUT_KEY = "without_key"
    DUPLICATE = "duplicate"


class PassedOver(NamedTuple):
    """One such row; `problem` says what is wrong, never with a value."""

    kind: Kind
    digest: str
    integration_id: str
    problem: str | None
    changed_at: datetime | None


class Span(NamedTuple):
    """What a run read of a source: rows with `changed_at` in [since, until), None leaving a side open.

    `undated`: those without one as well; `whole`: everything that the source has for any run.
    """

    since: datetime | None
    until: datetime | None
    undated: bool
    whole: bool


class Count(NamedTuple):
    """How many rows of an integration (`""`: of none) are passed over for one reason, and since when."""

    integration_id: str
    kind: Kind
    problem: str | None
    rows: int
    since: datetime


def digest(*parts: str | int | None) -> str:
    """Return by what a row is known again."""
    # repr() keeps the parts apart: of ("a", "bc") and ("ab", "c") the plain texts would be the same.
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def note(conn: Connection, source: str, run: RunRef, rows: Sequence[PassedOver]) -> None:
    """Remember rows that a run saw; those that are known keep the run that saw them first."""
    if not rows:
        return
    at = now(conn)
    seen = {
        "source": source,
        "first_seen_at": at,
        "first_dag_id": run.dag_id,
        "first_run_id": run.run_id,
        "last_seen_at": at,
    }

    def seen_again(new: Any) -> dict[str, Any]:
        # Whether a failure is new is judged by who saw it first, so that stays.
        return {"changed_at": new.changed_at, "problem": new.problem, "last_seen_at": new.last_seen_at}

    conn.execute(upsert(conn, passed_over, seen_again), [row._asdict() | seen for row in rows])


def forget_gone(conn: Connection, source: str, read: Span, *, started_at: datetime) -> None:
    """Forget the rows that a run would have seen since it started if they were still wrong.

    Which of several rows with one key is the duplicate may differ from run to run: those are forgotten only by a run
    that read the whole source.
    """
    in_span: list[ColumnElement[bool]] = [passed_over.c.changed_at.is_not(None)]
    if read.since is not None:
        in_span.append(passed_over.c.changed_at >= read.since)
    if read.until is not None:
        in_span.append(passed_over.c.changed_at < read.until)
    was_read = and_(*in_span)
    if read.undated:
        was_read = or_(was_read, passed_over.c.changed_at.is_(None))
    gone = [passed_over.c.source == source, was_read, passed_over.c.last_seen_at < started_at]
    if not read.whole:
        gone.append(passed_over.c.kind == Kind.WITHOUT_KEY)
    conn.execute(delete(passed_over).where(*gone))


def new(conn: Connection, source: str, run: RunRef) -> list[Count]:
    """Count the rows that a run was the first to see."""
    return _counts(
        conn,
        passed_over.c.source == source,
        passed_over.c.first_run_id == run.run_id,
        passed_over.c.first_dag_id == run.dag_id,
    )


def known(conn: Connection, source: str) -> list[Count]:
    """Count all that are wrong as far as the ledger knows."""
    return _counts(conn, passed_over.c.source == source)


def _counts(conn: Connection, *conditions: ColumnElement[bool]) -> list[Count]:
    what = (passed_over.c.integration_id, passed_over.c.kind, passed_over.c.problem)
    query = (
        select(*what, func.count(), func.min(passed_over.c.first_seen_at))
        .where(*conditions)
        .group_by(*what)
        .order_by(func.count().desc(), *what)
    )
    return [Count(row[0], Kind(row[1]), *row[2:]) for row in conn.execute(query)]
