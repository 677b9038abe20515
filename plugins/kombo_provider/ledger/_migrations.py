"""Creates the ledger and brings an older one up to date, under a lock, by the software itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy import Connection, Table, func, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from kombo_provider.driver_errors import sqlstate
from kombo_provider.errors import LedgerError
from kombo_provider.ledger import _sync_tables
from kombo_provider.ledger._bulk import qualified
from kombo_provider.ledger._indexes import INDEXES
from kombo_provider.ledger._overview_indexes import OVERVIEW_INDEXES
from kombo_provider.ledger._run_tables import ALERT_INDEXES, alerts, dry_run, passed_over
from kombo_provider.ledger._tables import (
    APPLICANT_IDS_SELECT,
    APPLICANT_IDS_VIEW,
    EVERYWHERE,
    deliveries,
    delivery_events,
    lanes,
    ledger_version,
    metadata,
    sources,
)
from kombo_provider.ledger.kombo_ids import ID_COLUMNS

_MIGRATION_LOCK = 0x6B6F6D62  # any constant will do: it keeps two first runs from creating the tables at once

_WAIT_BRIEFLY = "SET LOCAL lock_timeout = '200ms'"
"""Shorter than the second after which PostgreSQL ends one of two that wait for each other: never the other one."""
_BETWEEN_TRIES = 0.1
_NOT_NOW = ("55P03", "40P01")
_WAITED_FOR_ANOTHER = (
    "The ledger is being made or brought up to date by another process, which is not done yet. Run again in a while."
)
_WAITED_FOR_RUNS = (
    "The ledger is at version {found} and could not be brought to version {newest}: others work on its tables without "
    "a pause. Nothing was changed, nothing is lost. End what still runs with the older release, then run again."
)

_ADDED_IN_2 = (
    (deliveries, ("hold",)),
    (delivery_events, ("actor_name",)),
    (lanes, ("snoozed_until", "snoozed_code", "snoozed_by", "snooze_reason")),
    (sources, ("floor", "swept_at")),
)


def _to_2(conn: Connection, schema: str | None) -> None:
    """Add holds, names of actors, snoozes, the floor of a source, and the tables of runs, lanes' events and alerts.

    Digests of e-mails without a key, which a list of addresses could invert, are dropped.
    """
    for table, names in _ADDED_IN_2:
        _add_columns(conn, table, names, schema)
    metadata.create_all(conn)
    conn.execute(deliveries.update().where(deliveries.c.email_sha256.is_not(None)).values(email_sha256=None))
    for column in (lanes.c.kombo_conn_id, lanes.c.integration_id):
        conn.execute(lanes.update().where(column == "*").values({column.name: EVERYWHERE}))
    first_changed = select(func.min(deliveries.c.changed_at)).where(deliveries.c.source == sources.c.source)
    conn.execute(sources.update().values(floor=first_changed.scalar_subquery()))


def _add_columns(conn: Connection, table: Table, names: Sequence[str], schema: str | None) -> None:
    """Add those of the table's columns that an older ledger lacks; each may be NULL."""
    there = {column["name"] for column in inspect(conn).get_columns(table.name, schema=schema)}
    for name in names:
        if name not in there:
            kind = table.c[name].type.compile(conn.dialect)
            conn.exec_driver_sql(f"ALTER TABLE {qualified(conn, table.name)} ADD COLUMN {name} {kind}")


def _to_3(conn: Connection, schema: str | None) -> None:
    """Add what Kombo's reads bring back, who waits for a lane, what tells new failures from older ones, and indexes."""
    _add_columns(conn, deliveries, ("missed_by", "row_digest", "asked_at"), schema)
    _add_columns(conn, dry_run, ("email_sha256",), schema)
    _add_columns(conn, lanes, ("wanted_by", "wanted_source", "wanted_until"), schema)
    told = ("dag_id", "due_at", "told", "quiet_since", "clear_since", "failed_at", "claimed_by", "claimed_until")
    _add_columns(conn, alerts, told, schema)
    passed_over.create(conn, checkfirst=True)
    metadata.create_all(conn)
    for index in deliveries.indexes.union(INDEXES, OVERVIEW_INDEXES, ALERT_INDEXES):
        index.create(conn, checkfirst=True)
    _create_sync_views(conn)


def _to_4(conn: Connection, schema: str | None) -> None:
    """Add whose turn a lane's is, and until when."""
    _add_columns(conn, lanes, ("turn_holder", "turn_source", "turn_ends_at"), schema)


MIGRATIONS: tuple[Callable[[Connection, str | None], None], ...] = (_to_2, _to_3, _to_4)
"""Step n brings version n + 1 to n + 2; a fresh ledger is created at the newest version."""

NEWEST = len(MIGRATIONS) + 1


def migrate(conn: Connection, schema: str | None, *, patience: timedelta = timedelta(seconds=30)) -> None:
    """Bring the ledger in `schema` to the newest version; cheap where it is there already.

    Raises LedgerError where others do not let it within `patience`.
    """
    if found_version(conn, schema) == NEWEST:
        return
    _hold(conn, f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})", patience, _WAITED_FOR_ANOTHER)
    found = found_version(conn, schema)  # again: who held the lock has brought it up to date
    if found > NEWEST:
        raise LedgerError(
            f"The ledger is at version {found}, this release knows version {NEWEST}. "
            "Install the release that wrote it, or a newer one."
        )
    if found == 0:
        _create(conn, schema)
        return
    if found == NEWEST:
        return
    ours = {table.name for table in metadata.sorted_tables}
    there = ours.intersection(inspect(conn).get_table_names(schema))
    there.discard(ledger_version.name)  # those who wait read it
    names = ", ".join(qualified(conn, name) for name in sorted(there))
    waited = _WAITED_FOR_RUNS.format(found=found, newest=NEWEST)
    # All of them before the first step, whose locks, taken one after the other, would wait for runs that wait for them.
    _hold(conn, f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE", patience, waited)
    for step in MIGRATIONS[found - 1 :]:
        step(conn, schema)
    conn.execute(ledger_version.update().values(version=NEWEST))


def _hold(conn: Connection, lock: str, patience: timedelta, in_vain: str) -> None:
    """Take locks on PostgreSQL, all or none: whoever held one and waited could be waited for, as in a deadlock."""
    if conn.dialect.name != "postgresql":
        return
    deadline = time.monotonic() + patience.total_seconds()
    while True:
        try:
            with conn.begin_nested():
                conn.exec_driver_sql(_WAIT_BRIEFLY)
                conn.exec_driver_sql(lock)
                conn.exec_driver_sql("SET LOCAL lock_timeout TO DEFAULT")  # else the transaction would keep it
                return
        except DBAPIError as exc:
            if sqlstate(exc) not in _NOT_NOW:
                raise
        if time.monotonic() >= deadline:
            raise LedgerError(in_vain)
        time.sleep(_BETWEEN_TRIES)


def found_version(conn: Connection, schema: str | None) -> int:
    """Return the version of the ledger in `schema`, 0 where there is none."""
    if not inspect(conn).has_table(ledger_version.name, schema=schema):
        return 0
    return conn.scalar(select(ledger_version.c.version)) or 0


def refuse_other_version(conn: Connection, schema: str | None) -> None:
    """Raise LedgerError unless the ledger in `schema` is there, and of the newest version; migrates nothing."""
    found = found_version(conn, schema)
    if found == 0:
        raise LedgerError("There is no ledger yet: the first run makes it.")
    if found != NEWEST:
        raise LedgerError(
            f"The ledger is at version {found}, this release reads version {NEWEST}. The next run of a DAG brings an "
            "older one up to date; a newer one needs the release that wrote it here too."
        )


def _create(conn: Connection, schema: str | None) -> None:
    if schema and not inspect(conn).has_schema(schema):
        conn.execute(CreateSchema(schema, if_not_exists=True))
    metadata.create_all(conn)
    query = APPLICANT_IDS_SELECT.format(ids=", ".join(ID_COLUMNS), deliveries=qualified(conn, deliveries.name))
    conn.exec_driver_sql(f"CREATE VIEW {qualified(conn, APPLICANT_IDS_VIEW)} AS {query}")
    conn.execute(ledger_version.insert().values(version=NEWEST))
    _create_sync_views(conn)


def _create_sync_views(conn: Connection) -> None:
    tables = {"deliveries": deliveries, "applications": _sync_tables.applications, "jobs": _sync_tables.jobs}
    names = {word: qualified(conn, table.name) for word, table in tables.items()}
    for view, query in _sync_tables.views(conn.dialect.name, **names).items():
        conn.exec_driver_sql(f"CREATE VIEW {qualified(conn, view)} AS {query}")
