"""Rows that a run staged and has not decided about yet: whether they may leave, or wait for a person's approval."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, tuple_, update

from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.holds import are_held
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.status import Hold, RunRef

_run = tuple_(deliveries.c.dag_id, deliveries.c.run_id)


def newest_by_run(conn: Connection, selection: Selection) -> dict[RunRef, datetime]:
    """Return the runs that have such rows, with the time of the newest."""
    query = select(*_run.clauses, func.max(deliveries.c.staged_at)).where(*_are_undecided(selection))
    return {RunRef(row[0], row[1]): row[2] for row in conn.execute(query.group_by(*_run.clauses))}


def count(conn: Connection, selection: Selection, runs: Sequence[RunRef]) -> dict[str, int]:
    """Count such rows of some runs by integration."""
    query = (
        select(deliveries.c.integration_id, func.count())
        .where(*_are_undecided(selection), _run.in_(runs))
        .group_by(deliveries.c.integration_id)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def hold(conn: Connection, selection: Selection, runs: Sequence[RunRef], integration_ids: Collection[str]) -> None:
    """Let those of some integrations wait for a person's approval."""
    if not integration_ids:
        return
    conditions = [*_are_undecided(selection), _run.in_(runs), deliveries.c.integration_id.in_(sorted(integration_ids))]
    conn.execute(update(deliveries).where(*conditions).values(hold=Hold.APPROVAL))


def release(conn: Connection, selection: Selection, runs: Sequence[RunRef]) -> None:
    """Let those of some runs leave."""
    conn.execute(update(deliveries).where(*_are_undecided(selection), _run.in_(runs)).values(hold=None))


def _are_undecided(selection: Selection) -> list[Any]:
    return [*are_held(selection), deliveries.c.hold == Hold.UNDECIDED]
