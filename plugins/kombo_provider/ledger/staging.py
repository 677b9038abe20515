"""Staging: mapped source rows become deliveries, each exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, bindparam, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from kombo_provider.ledger import events
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import (
    RESTAGED_WHEN_CHANGED,
    DeliveryKey,
    Endpoint,
    Resolution,
    RunRef,
    Status,
)
from kombo_provider.ledger.tables import deliveries, sources

COUNTERS = (
    "new",
    "restaged",
    "already_known",
    "changed_after_delivery",
    "invalid",
    "duplicate_keys",
    "without_key",
    "imported",
    "withdrawn",
)
"""What can become of an extracted row; each row counts in exactly one, so they add up to `extracted`."""


class StagedRow(Protocol):
    """What staging needs of a mapped row (see kombo_provider.mapping.MappedRow)."""

    @property
    def integration_id(self) -> str | None: ...
    @property
    def applicant_id(self) -> str | None: ...
    @property
    def job_id(self) -> str | None: ...
    @property
    def payload(self) -> str | None: ...
    @property
    def payload_sha256(self) -> str: ...
    @property
    def problems(self) -> str | None: ...
    @property
    def changed_at(self) -> datetime | None: ...
    @property
    def already_sent(self) -> str | None: ...
    @property
    def withdrawn(self) -> bool: ...
    @property
    def has_files(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Staging:
    """For whom rows are staged, and how they will leave."""

    source: str
    kombo_conn_id: str
    endpoint: Endpoint
    run: RunRef
    backfill: bool = False


def lock_source(conn: Connection, source: str) -> None:
    """Let one transaction at a time stage rows of a source; held until its end."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    conn.execute(insert(sources).values(source=source).on_conflict_do_nothing())
    conn.execute(select(sources.c.source).where(sources.c.source == source).with_for_update())


def watermark(conn: Connection, source: str) -> datetime | None:
    """Return up to when the source was extracted, None where it never was."""
    return conn.scalar(select(sources.c.watermark).where(sources.c.source == source))


def move_watermark(conn: Connection, source: str, to: datetime) -> None:
    """Move the source's watermark forward, never back; `lock_source` was called before."""
    found = watermark(conn, source)
    if found is None or found < to:
        conn.execute(sources.update().where(sources.c.source == source).values(watermark=to))


def holds_any(conn: Connection, source: str) -> bool:
    """Tell whether the ledger knows any delivery of the source."""
    return conn.execute(select(deliveries.c.source).where(deliveries.c.source == source).limit(1)).first() is not None


class _Known(NamedTuple):
    status: Status
    payload_sha256: str
    job_id: str | None
    resolution: str | None


_Key = tuple[str | None, str | None]


def stage(
    conn: Connection,
    staging: Staging,
    rows: Sequence[StagedRow],
    *,
    on_job_changed: Callable[[DeliveryKey], None] | None = None,
) -> Counter[str]:
    """Enter rows with distinct, complete keys into the ledger and count what became of each.

    `lock_source` was called in the same transaction. Rows that are being sent or are in doubt are not touched,
    delivered ones never change; `on_job_changed` hears of a delivered key that now names another job.
    """
    known = _lock_and_read(conn, staging.source, rows)
    at = now(conn)
    counts: Counter[str] = Counter()
    inserts: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    for row in rows:
        before = known.get((row.integration_id, row.applicant_id))
        counter, status = _decide(row, before)
        counts[counter] += 1
        if status is not None:
            values = _values(staging, row, status, at)
            (inserts if before is None else updates).append(values)
            if before is not None and status != before.status:
                history.append(events.event(_key(staging, row), before.status, status, at, staging.run, actor="stage"))
        elif counter == "changed_after_delivery" and before and before.job_id != row.job_id and on_job_changed:
            on_job_changed(_key(staging, row))
    if inserts:
        conn.execute(deliveries.insert(), inserts)
    if updates:
        conn.execute(_UPDATE, [{_KEY_PARAMS.get(name, name): value for name, value in u.items()} for u in updates])
    events.append(conn, history)
    return counts


def foresee(conn: Connection, source: str, row: StagedRow) -> tuple[str, Status | None]:
    """Say how a row would count and which status it would take on (None: it stays as it is), changing nothing."""
    known = _lock_and_read(conn, source, [row])
    return _decide(row, known.get((row.integration_id, row.applicant_id)))


def _decide(row: StagedRow, before: _Known | None) -> tuple[str, Status | None]:
    """Say how the row counts and which status it takes on; None leaves the ledger's row as it is."""
    wanted, counter = _wanted(row)
    if before is None:
        return counter, wanted
    same = before.payload_sha256 == row.payload_sha256
    if before.status is Status.DELIVERED:
        return ("already_known" if same else "changed_after_delivery"), None
    decided_by_human = before.status is Status.CANCELLED and before.resolution is not None
    if before.status not in RESTAGED_WHEN_CHANGED or decided_by_human:
        return "already_known", None
    if counter in ("withdrawn", "imported"):
        return ("already_known", None) if wanted is before.status else (counter, wanted)
    if before.status is Status.READY and same:
        return "already_known", wanted
    if same and before.status is not Status.CANCELLED:
        return "already_known", None
    return ("restaged" if wanted is Status.READY else "invalid"), wanted


def _wanted(row: StagedRow) -> tuple[Status, str]:
    if row.withdrawn:
        return Status.CANCELLED, "withdrawn"
    if row.already_sent is not None:
        return Status.DELIVERED, "imported"
    if row.problems is not None:
        return Status.INVALID, "invalid"
    return Status.READY, "new"


def _key(staging: Staging, row: StagedRow) -> DeliveryKey:
    return DeliveryKey(staging.source, row.integration_id or "", row.applicant_id or "")


def _values(staging: Staging, row: StagedRow, status: Status, at: datetime) -> dict[str, Any]:
    imported = status is Status.DELIVERED
    return {
        "source": staging.source,
        "integration_id": row.integration_id,
        "applicant_id": row.applicant_id,
        "status": status,
        "kombo_conn_id": staging.kombo_conn_id,
        "endpoint": staging.endpoint,
        "job_id": row.job_id,
        "payload": row.payload if status is Status.READY else None,
        "payload_sha256": row.payload_sha256,
        "has_files": int(row.has_files),
        "problems": row.problems if status is Status.INVALID else None,
        "kombo_application_id": (row.already_sent or None) if imported else None,
        "resolution": Resolution.IMPORTED if imported else None,
        "priority": int(staging.backfill),
        "not_before": None,
        "http_status": None,
        "error_code": None,
        "error_title": None,
        "error_message": None,
        "log_url": None,
        "warnings": None,
        "changed_at": row.changed_at,
        "staged_at": at,
        "finished_at": None if status is Status.READY else at,
        "dag_id": staging.run.dag_id,
        "run_id": staging.run.run_id,
    }


_KEY_PARAMS = {name: f"key_{name}" for name in DeliveryKey._fields}
_UPDATE = (
    deliveries.update()
    .where(*(deliveries.c[name] == bindparam(param) for name, param in _KEY_PARAMS.items()))
    .where(or_(*(deliveries.c.status == status for status in RESTAGED_WHEN_CHANGED)))
)


def _lock_and_read(conn: Connection, source: str, rows: Sequence[StagedRow]) -> dict[_Key, _Known]:
    """Read the known ones among the rows; those that staging may change are locked against their lane's sender.

    A row that becomes changeable between the two reads counts as being sent: the next extract takes it.
    """
    known: dict[_Key, _Known] = {}
    keys = sorted({(row.integration_id or "", row.applicant_id or "") for row in rows})
    for integration_id, group in groupby(keys, key=itemgetter(0)):
        query = select(deliveries.c.applicant_id, *(deliveries.c[name] for name in _Known._fields)).where(
            deliveries.c.source == source,
            deliveries.c.integration_id == integration_id,
            deliveries.c.applicant_id.in_([applicant_id for _, applicant_id in group]),
        )
        locking = query.where(deliveries.c.status.in_(RESTAGED_WHEN_CHANGED)).with_for_update()
        locked = {row.applicant_id for row in conn.execute(locking)}
        for applicant_id, status, *others in conn.execute(query):
            missed = status in RESTAGED_WHEN_CHANGED and applicant_id not in locked
            now_is = Status.SENDING if missed else Status(status)
            known[(integration_id, applicant_id)] = _Known(now_is, *others)
    return known


def known_keys(conn: Connection, source: str, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of the (integration id, applicant id) pairs that the ledger holds."""
    found: set[tuple[str, str]] = set()
    for integration_id, group in groupby(sorted(set(keys)), key=itemgetter(0)):
        query = select(deliveries.c.applicant_id).where(
            deliveries.c.source == source,
            deliveries.c.integration_id == integration_id,
            deliveries.c.applicant_id.in_([applicant_id for _, applicant_id in group]),
        )
        found |= {(integration_id, applicant_id) for applicant_id in conn.scalars(query)}
    return found
