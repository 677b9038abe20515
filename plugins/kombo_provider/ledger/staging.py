"""Staging: mapped source rows become deliveries, each exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from kombo_provider.ledger._bulk import stamper
from kombo_provider.ledger._by_key import Pair, done_keys, has_key, known_keys, lock_and_read, lock_rows
from kombo_provider.ledger._decisions import COUNTERS, Known, StagedRow, decide, is_same, known_by
from kombo_provider.ledger._moves import By, Change, enter, move_each
from kombo_provider.ledger._row_digests import learn, recognise
from kombo_provider.ledger._tables import deliveries, sources
from kombo_provider.ledger.ledger import CLOCKS_DIFFER_BY, now
from kombo_provider.ledger.status import (
    REMOTE,
    Actor,
    DeliveryKey,
    Endpoint,
    Hold,
    Resolution,
    RunRef,
    Status,
)

__all__ = [
    "COUNTERS",
    "StagedRow",
    "Staging",
    "done_keys",
    "foresee",
    "holds_any",
    "known_keys",
    "lock_source",
    "move_watermark",
    "recognise",
    "stage",
    "watermark",
]


@dataclass(frozen=True, slots=True)
class Staging:
    """For whom rows are staged, and how they will leave.

    With a `hold` rows that become `ready` are held from their first commit on: no sender, of whatever run, sees them
    before it is decided how many they are (see `holds.release`).
    """

    source: str
    kombo_conn_id: str
    endpoint: Endpoint
    run: RunRef
    backfill: bool = False
    hold: Hold | None = None


def lock_source(conn: Connection, source: str) -> None:
    """Let one transaction at a time stage rows of a source; held until its end."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    conn.execute(insert(sources).values(source=source).on_conflict_do_nothing())
    conn.execute(select(sources.c.source).where(sources.c.source == source).with_for_update())


def watermark(conn: Connection, source: str) -> datetime | None:
    """Return up to when the source was extracted, None where it never was.

    One that lies ahead was written by a clock that was wrong: the rows that the ledger has say how far it got instead.
    """
    stored: datetime | None = conn.scalar(select(sources.c.watermark).where(sources.c.source == source))
    at = now(conn)
    if stored is None or stored <= at + CLOCKS_DIFFER_BY:
        return stored
    seen = select(func.max(deliveries.c.changed_at)).where(deliveries.c.source == source, deliveries.c.changed_at <= at)
    found: datetime | None = conn.scalar(seen)
    return found


def move_watermark(conn: Connection, source: str, to: datetime) -> None:
    """Move the source's watermark forward, never back and never ahead of now; `lock_source` was called before.

    Only one that lies ahead, and so is not believed, is put back.
    """
    to = min(to, now(conn))
    found = watermark(conn, source)
    if found is None or found < to or found > now(conn):
        conn.execute(sources.update().where(sources.c.source == source).values(watermark=to))


def floor(conn: Connection, source: str) -> datetime | None:
    """Return the instant below which no scheduled run reads the source, None where it reads everything."""
    found: datetime | None = conn.scalar(select(sources.c.floor).where(sources.c.source == source))
    return found


def set_floor(conn: Connection, source: str, to: datetime) -> None:
    """Let no scheduled run read the source below an instant; `lock_source` was called before."""
    conn.execute(sources.update().where(sources.c.source == source).values(floor=to))


def swept_at(conn: Connection, source: str) -> datetime | None:
    """Return when a scheduled run last read the source down to its floor; one that lies ahead is not believed."""
    found: datetime | None = conn.scalar(select(sources.c.swept_at).where(sources.c.source == source))
    if found is not None and found > now(conn) + CLOCKS_DIFFER_BY:
        return None
    return found


def note_sweep(conn: Connection, source: str) -> None:
    """Remember that the source was read down to its floor now; `lock_source` was called before."""
    conn.execute(sources.update().where(sources.c.source == source).values(swept_at=now(conn)))


def holds_any(conn: Connection, source: str) -> bool:
    """Tell whether the ledger knows any delivery of the source."""
    return conn.execute(select(deliveries.c.source).where(deliveries.c.source == source).limit(1)).first() is not None


@dataclass(slots=True)
class _Writes:
    """What a chunk does to the ledger."""

    inserted: list[tuple[Any, ...]] = field(default_factory=list)
    replaced: dict[tuple[Status, Status, bool], list[Change]] = field(default_factory=dict)
    """By the status before and after, and whether the row keeps its place in the queue."""
    kept: list[Pair] = field(default_factory=list)
    digests: dict[Pair, str] = field(default_factory=dict)

    def change(self, staging: Staging, row: StagedRow, before: Known, status: Status | None, at: datetime) -> None:
        """Note what a row that the ledger holds changes there; without a status it stays as it is."""
        digest = None if row.unasked else row.row_digest
        if digest not in (None, before.row_digest) and is_same(row, before):
            self.digests[_pair(row)] = digest
        if status is None:
            return
        if _stays(staging, row, before, status):
            self.kept.append(_pair(row))
            return
        replaced = _values(staging, row, status, before, row.changed_at, at)
        values = dict(zip(_REPLACED, replaced, strict=True)) | _NO_LONGER_TRUE
        keeps_place = status is before.status is Status.READY and is_same(row, before)
        if keeps_place:
            del values["staged_at"]  # what a person was asked about it stands as well
        change = Change(_key(staging, row), values)
        self.replaced.setdefault((before.status, status, keeps_place), []).append(change)


def stage(
    conn: Connection,
    staging: Staging,
    rows: Sequence[StagedRow],
    *,
    on_job_changed: Callable[[DeliveryKey], None] | None = None,
    by_integration: Counter[tuple[str, str]] | None = None,
) -> Counter[str]:
    """Enter rows with distinct, complete keys into the ledger and count what became of each.

    `lock_source` was called in the same transaction. Rows that are being sent or are in doubt are not touched,
    delivered ones never change; `on_job_changed` hears of a delivered key that now names another job.
    `by_integration` takes in the same counts by integration and counter.
    """
    mapped = [row for row in rows if row.known is None]
    as_they_are: list[StagedRow] = []
    if len(mapped) < len(rows):
        as_they_are = [row for row in rows if row.known is not None]
    # Delivered and refused rows that are known have nothing to write; waiting ones count as this run's own.
    waiting = [_pair(row) for row in as_they_are if row.known == Status.READY]
    writes = _Writes(kept=list(lock_rows(conn, staging.source, waiting, (Status.READY,))))
    counters = ["already_known"] * len(as_they_are)
    pairs = list(map(_pair, mapped))
    known = lock_and_read(conn, staging.source, pairs)
    at, stamp = now(conn), stamper(conn)
    staged_at = stamp(at)  # once, and not for each row: it is the same text on SQLite
    for pair, row in zip(pairs, mapped, strict=True):
        before = known.get(pair)
        counter, status = decide(row, before)
        counters.append(counter)
        if before is not None:
            if counter == "changed_after_delivery" and before.job_id != row.job_id and on_job_changed:
                on_job_changed(_key(staging, row))
            writes.change(staging, row, before, status, at)
        elif status is not None:
            entered = _values(staging, row, status, None, stamp(row.changed_at), staged_at)
            writes.inserted.append((staging.source, *pair, status.value, *entered))
    _write(conn, staging, writes, at)
    if by_integration is not None:
        by_integration.update(zip((row.integration_id or "" for row in (*as_they_are, *mapped)), counters, strict=True))
    return Counter(counters)


def foresee(conn: Connection, source: str, rows: Sequence[StagedRow]) -> list[tuple[str, Status | None]]:
    """Say how each row would count and which status it would take on (None: it stays as it is), changing nothing."""
    known = lock_and_read(conn, source, [_pair(row) for row in rows])
    return [decide(row, known.get(_pair(row))) for row in rows]


def _pair(row: StagedRow) -> Pair:
    return row.integration_id or "", row.applicant_id or ""


def _key(staging: Staging, row: StagedRow) -> DeliveryKey:
    return DeliveryKey(staging.source, *_pair(row))


def _stays(staging: Staging, row: StagedRow, before: Known, status: Status) -> bool:
    """Tell whether a waiting row would be written as it is already."""
    return (
        status is before.status is Status.READY
        and is_same(row, before)
        and before.changed_at == row.changed_at
        and (before.kombo_conn_id, before.endpoint) == (staging.kombo_conn_id, staging.endpoint)
    )


_REPLACED = (
    *("kombo_conn_id", "endpoint", "job_id", "payload", "payload_sha256", "row_digest", "has_files", "problems"),
    *("kombo_application_id", "kombo_application_remote_id", "resolution", "priority", "hold"),
    *("changed_at", "staged_at", "finished_at", "dag_id", "run_id"),
)
_NO_LONGER_TRUE = dict.fromkeys(
    ("http_status", "error_code", "error_title", "error_message", "log_url", "warnings"), None
)


def _values(
    staging: Staging, row: StagedRow, status: Status, before: Known | None, changed_at: Any, at: Any
) -> tuple[Any, ...]:
    """Return a row's values for _REPLACED.

    Other columns keep theirs: `not_before` above all, which holds an ordered resend back until the request in doubt
    has surely ended.
    """
    ready, imported = status is Status.READY, status is Status.DELIVERED
    hold: str | None = staging.hold
    priority = int(staging.backfill)
    if before is not None and before.status is Status.READY:
        # It waits already: what was decided about it stands, and it loses no place to a backfill.
        hold, priority = before.hold, min(before.priority, priority)
    # One expression, for it runs once for each row that is new.
    return (
        staging.kombo_conn_id,
        staging.endpoint,
        row.job_id,
        row.payload if ready else None,
        row.payload_sha256,
        known_by(row),
        int(row.has_files),
        row.problems if status is Status.INVALID else None,
        *(_ids_of_earlier_tool(row) if imported else _NO_IDS),
        Resolution.IMPORTED.value if imported else None,
        priority,
        hold if ready else None,
        changed_at,
        at,
        None if ready else at,
        staging.run.dag_id,
        staging.run.run_id,
    )


def _ids_of_earlier_tool(row: StagedRow) -> tuple[str | None, str | None]:
    """Return Kombo's id and the ATS's of an application that an earlier tool made; it names one of them, or none."""
    named = row.already_sent
    if named and named.startswith(REMOTE):
        return None, named.removeprefix(REMOTE) or None
    return named or None, None


_NO_IDS = (None, None)


def _write(conn: Connection, staging: Staging, writes: _Writes, at: datetime) -> None:
    enter(conn, (*DeliveryKey._fields, "status", *_REPLACED), writes.inserted)
    for (from_status, to_status, _), changes in writes.replaced.items():
        move_each(conn, from_status, to_status, changes, By(Actor.STAGE, staging.run), at)
    if writes.kept:
        _keep(conn, staging, writes.kept)
    learn(conn, staging.source, writes.digests)


def _keep(conn: Connection, staging: Staging, keys: Sequence[Pair]) -> None:
    """Count waiting rows as this run's own; how long they wait, and their place in the queue, stay.

    Those that another run has not decided about are left to it: it decides by how many it staged.
    """
    values: dict[str, Any] = {"dag_id": staging.run.dag_id, "run_id": staging.run.run_id}
    if not staging.backfill:
        values["priority"] = 0
    waiting = has_key(conn, staging.source, keys), deliveries.c.status == Status.READY
    is_decided = deliveries.c.hold.is_distinct_from(Hold.UNDECIDED)
    conn.execute(deliveries.update().where(*waiting, is_decided).values(values))
