"""How far the pulls of each integration got: watermarks, and a fence against a pull that another has replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Update, func, select, update

from kombo_provider.ledger._bulk import upsert
from kombo_provider.ledger._sync_tables import syncs
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import NOT_IN_KOMBO


@dataclass(frozen=True, slots=True)
class Pull:
    """One pull of one kind of record of one integration, with what the last finished one left.

    `watermark` is when the last one began, `full_at` when the last one began that read everything; `scope` and
    `personal` are how that one was told to store; `page_size` is what was found small enough to be read. Each is None
    (or false) where there was none.
    """

    kombo_conn_id: str
    integration_id: str
    model: str
    epoch: int
    began_at: datetime
    watermark: datetime | None
    full_at: datetime | None
    scope: str | None
    personal: bool
    page_size: int | None = None


def integrations(conn: Connection, kombo_conn_id: str, models: Sequence[str]) -> list[str]:
    """Return the integrations that the ledger has valid deliveries for, by when a pull of the models last began.

    By its beginning, not by its end: one that never comes to an end would be first in every run, and keep others from
    theirs.
    """
    query = select(syncs.c.integration_id, func.max(syncs.c.began_at)).where(
        syncs.c.kombo_conn_id == kombo_conn_id, syncs.c.model.in_(models)
    )
    last_pulled = {row[0]: row[1] for row in conn.execute(query.group_by(syncs.c.integration_id))}
    known = select(deliveries.c.integration_id).where(
        deliveries.c.kombo_conn_id == kombo_conn_id,
        deliveries.c.status.not_in(NOT_IN_KOMBO),
    )
    found = sorted(conn.scalars(known.distinct()))
    # By age, since a run may end before the last of them: the next one begins with those.
    never = [name for name in found if name not in last_pulled]
    pulled_before = [name for name in found if name in last_pulled]
    return never + sorted(pulled_before, key=last_pulled.__getitem__)


def begin(conn: Connection, kombo_conn_id: str, integration_id: str, model: str) -> Pull:
    """Begin a pull; one of the same records that still runs elsewhere stores nothing any more."""
    key = {"kombo_conn_id": kombo_conn_id, "integration_id": integration_id, "model": model}
    began_at = now(conn)
    # The epoch is the fence: one statement counts it up, so that no two pulls have the same.
    begun = upsert(conn, syncs, lambda new: {"epoch": syncs.c.epoch + 1, "began_at": new.began_at})
    conn.execute(begun.values(**key, epoch=1, began_at=began_at))
    row = conn.execute(select(syncs).filter_by(**key)).one()
    return Pull(
        **key,
        epoch=row.epoch,
        began_at=began_at,
        watermark=row.watermark,
        full_at=row.full_at,
        scope=row.scope,
        personal=bool(row.personal),
        page_size=row.page_size,
    )


def hold(conn: Connection, pull: Pull) -> bool:
    """Keep other pulls of the same records waiting until this transaction ends; False: one has replaced this pull."""
    query = select(syncs.c.epoch).filter_by(
        kombo_conn_id=pull.kombo_conn_id, integration_id=pull.integration_id, model=pull.model
    )
    return conn.scalar(query.with_for_update()) == pull.epoch


def note_page_size(conn: Connection, pull: Pull, page_size: int) -> None:
    """Remember how many records make a page that can be read; a pull that is killed later has found that out."""
    conn.execute(_of(pull).values(page_size=page_size))


def finish(conn: Connection, pull: Pull, *, full: bool, scope: str, personal: bool) -> None:
    """Move the watermark to where the pull began, in the transaction that stores its last records."""
    values: dict[str, Any] = {
        "watermark": pull.began_at,
        "ended_at": now(conn),
        "failed_since": None,
        "code": None,
        "log_url": None,
    }
    if full:
        values |= {"full_at": pull.began_at, "scope": scope, "personal": int(personal)}
    conn.execute(_of(pull).values(values))


def fail(conn: Connection, pull: Pull, code: str | None, log_url: str | None) -> None:
    """Remember why a pull ended early; the watermark stays."""
    at = now(conn)
    since = func.coalesce(syncs.c.failed_since, at)  # of the first failure in a row
    conn.execute(_of(pull).values(ended_at=at, failed_since=since, code=code, log_url=log_url))


def _of(pull: Pull) -> Update:
    return update(syncs).where(
        syncs.c.kombo_conn_id == pull.kombo_conn_id,
        syncs.c.integration_id == pull.integration_id,
        syncs.c.model == pull.model,
        syncs.c.epoch == pull.epoch,
    )
