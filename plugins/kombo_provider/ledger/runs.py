"""Past runs, a row for each and integration: what the history is read from, for nobody counts the whole ledger again.

A run begins its rows when it stages and completes them when it reports. One that dies in between is seen by its row
without an end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, select

from kombo_provider.ledger._bulk import insert_into
from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger._tables import EVERYWHERE
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import RunRef

KEPT_FOR: Final = timedelta(days=100)
"""How long a run is remembered: longer than anything is compared with."""

Counts = Mapping[str, Mapping[str, int]]
"""What became of the extracted rows: integration id (`""`: of none) → one of COUNTERS → rows."""


class IntegrationRun(NamedTuple):
    """What a run did for one integration; durations in milliseconds.

    `counts` are those of staging, and under `new_failures` what failed for the first time.
    """

    integration_id: str
    counts: Mapping[str, Any]
    statuses: Mapping[str, int]
    top_codes: Mapping[str, int]
    p50_ms: int | None = None
    p95_ms: int | None = None
    answers_429: int = 0
    peak_in_flight: int = 0


class Unfinished(NamedTuple):
    """A run that began and left no report."""

    run_id: str
    began_at: datetime


def begin(conn: Connection, source: str, kombo_conn_id: str, run: RunRef) -> None:
    """Note that a run begins; a second try leaves it where it was."""
    _enter(conn, source, kombo_conn_id, run, [{"integration_id": EVERYWHERE}], replaced=())


def another_began(conn: Connection, source: str, run: RunRef, *, within: timedelta) -> bool:
    """Tell whether another run of the same DAG, which has not reported yet, began in the last while."""
    query = select(runs.c.run_id).where(
        runs.c.source == source,
        runs.c.ended_at.is_(None),
        runs.c.dag_id == run.dag_id,
        runs.c.run_id != run.run_id,
        runs.c.integration_id == EVERYWHERE,
        runs.c.began_at > now(conn) - within,
    )
    return conn.execute(query.limit(1)).first() is not None


def note_counts(conn: Connection, source: str, kombo_conn_id: str, run: RunRef, counts: Counts) -> None:
    """Note what staging counted, in place of what an earlier try did."""
    rows = [{"integration_id": name, "counts": json.dumps(of_name)} for name, of_name in sorted(counts.items())]
    # An earlier try may have counted integrations that this one met no row of.
    conn.execute(runs.update().where(*_of(source, run)).values(counts=None))
    if rows:
        _enter(conn, source, kombo_conn_id, run, rows, replaced=("counts",))


def _enter(
    conn: Connection,
    source: str,
    kombo_conn_id: str,
    run: RunRef,
    rows: Sequence[Mapping[str, Any]],
    *,
    replaced: Sequence[str],
) -> None:
    statement = insert_into(conn, runs)
    if replaced:
        values = {name: statement.excluded[name] for name in replaced}
        statement = statement.on_conflict_do_update(index_elements=list(runs.primary_key), set_=values)
    else:
        statement = statement.on_conflict_do_nothing()
    of_run = {"source": source, **run._asdict(), "kombo_conn_id": kombo_conn_id, "began_at": now(conn)}
    conn.execute(statement, [{**of_run, **row} for row in rows])


def staged(conn: Connection, source: str, run: RunRef) -> dict[str, dict[str, int]]:
    """Return what staging counted for the run, as far as it noted that."""
    query = select(runs.c.integration_id, runs.c.counts).where(*_of(source, run), runs.c.counts.is_not(None))
    return {row[0]: json.loads(row[1]) for row in conn.execute(query)}


def complete(
    conn: Connection, source: str, kombo_conn_id: str, run: RunRef, integrations: Sequence[IntegrationRun]
) -> None:
    """Write what the run did, in place of what it wrote before, with a row of no integration in any case.

    That one says that the run was there: whoever looks for runs reads it alone, however many integrations there are.
    """
    first = select(runs.c.began_at).where(*_of(source, run)).order_by(runs.c.began_at).limit(1)
    began_at = conn.scalar(first)
    # Not an upsert: of an integration that has nothing to tell any more the row of an earlier report goes.
    conn.execute(delete(runs).where(*_of(source, run)))
    at = now(conn)
    of_run = {
        "source": source,
        **run._asdict(),
        "kombo_conn_id": kombo_conn_id,
        "began_at": began_at or at,
        "ended_at": at,
    }
    conn.execute(runs.insert(), [of_run | _columns(one) for one in _with_the_run_itself(integrations)])
    _forget_old(conn, source, at - KEPT_FOR)


def _columns(one: IntegrationRun) -> dict[str, Any]:
    columns = one._asdict()
    for name in ("counts", "statuses", "top_codes"):
        columns[name] = json.dumps(columns[name])
    return columns


def _with_the_run_itself(integrations: Sequence[IntegrationRun]) -> list[IntegrationRun]:
    for one in integrations:
        if one.integration_id == EVERYWHERE:
            return list(integrations)
    return [IntegrationRun(EVERYWHERE, {}, {}, {}), *integrations]


def unfinished(conn: Connection, source: str, run: RunRef) -> list[Unfinished]:
    """Return the runs of the same DAG that began before this one and left no report, oldest first."""
    began = select(runs.c.began_at).where(*_of(source, run)).order_by(runs.c.began_at).limit(1).scalar_subquery()
    query = (
        select(runs.c.run_id, runs.c.began_at)
        .where(
            runs.c.source == source,
            runs.c.ended_at.is_(None),
            runs.c.dag_id == run.dag_id,
            runs.c.integration_id == EVERYWHERE,
            runs.c.began_at < began,
        )
        .order_by(runs.c.began_at)
    )
    return [Unfinished(*row) for row in conn.execute(query)]


def _forget_old(conn: Connection, source: str, before: datetime) -> None:
    """Remove runs whose end, or else whose beginning, lies long ago."""
    # Two statements: the first is answered by the index `kombo_runs_ended`, which an OR of both would not use.
    conn.execute(delete(runs).where(runs.c.source == source, runs.c.ended_at < before))
    unreported = runs.c.ended_at.is_(None)
    conn.execute(delete(runs).where(runs.c.source == source, unreported, runs.c.began_at < before))


def _of(source: str, run: RunRef) -> list[ColumnElement[bool]]:
    return [runs.c.source == source, runs.c.dag_id == run.dag_id, runs.c.run_id == run.run_id]
