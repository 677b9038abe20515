"""The ids that Kombo returned, and which of them the user's table has not got yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, not_, or_, select, update

from kombo_provider.ledger._by_key import has_key
from kombo_provider.ledger._tables import IS_TO_WRITE_BACK, KEY_COLUMNS, deliveries
from kombo_provider.ledger.kombo_ids import ID_COLUMNS, KomboIds
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import DeliveryKey, RunRef, Status


class DeliveredIds(NamedTuple):
    """One delivered applicant and its ids.

    `written_back_at` is set where the target table was given these ids before; `missed_by` where a run found before
    that it cannot take them.
    """

    integration_id: str
    applicant_id: str
    ids: KomboIds
    delivered_at: datetime | None
    written_back_at: datetime | None = None
    missed_by: str | None = None

    def is_new_miss(self, run: RunRef | None) -> bool:
        """Tell whether no other run has missed it before."""
        return self.missed_by is None or (run is not None and self.missed_by == _name(run))


def _name(run: RunRef) -> str:
    return f"{run.dag_id} {run.run_id}"


def _missed_before(run: RunRef | None) -> ColumnElement[bool]:
    """Return the condition that another run has missed a row: the one of `DeliveredIds.is_new_miss`, reversed."""
    first_missed_by = func.coalesce(deliveries.c.missed_by, "")
    if run is None:
        return first_missed_by != ""
    return first_missed_by.not_in(["", _name(run)])


_COLUMNS = (
    deliveries.c.integration_id,
    deliveries.c.applicant_id,
    deliveries.c.finished_at,
    deliveries.c.written_back_at,
    deliveries.c.missed_by,
    *(deliveries.c[name] for name in ID_COLUMNS),
)


def _delivered(row: Sequence[Any]) -> DeliveredIds:
    integration_id, applicant_id, delivered_at, written_back_at, missed_by, *ids = row
    return DeliveredIds(integration_id, applicant_id, KomboIds(*ids), delivered_at, written_back_at, missed_by)


def to_write_back(
    conn: Connection,
    source: str,
    *,
    after: tuple[str, str] | None,
    limit: int,
    refill: bool,
    run: RunRef | None,
    missed: bool,
) -> list[DeliveredIds]:
    """Return the next delivered rows, in key order, that were not written back (any, with `refill`).

    Either those that another run than this one `missed`, or the others.
    """
    missed_before = _missed_before(run)
    conditions = [
        deliveries.c.source == source,
        deliveries.c.status == Status.DELIVERED if refill else IS_TO_WRITE_BACK,
        missed_before if missed else not_(missed_before),
    ]
    if after is not None:
        integration_id, applicant_id = after
        conditions.append(
            or_(
                deliveries.c.integration_id > integration_id,
                and_(deliveries.c.integration_id == integration_id, deliveries.c.applicant_id > applicant_id),
            )
        )
    query = (
        select(*_COLUMNS)
        .where(*conditions)
        .order_by(deliveries.c.integration_id, deliveries.c.applicant_id)
        .limit(limit)
    )
    return [_delivered(row) for row in conn.execute(query)]


def mark_written_back(conn: Connection, source: str, written: Sequence[DeliveredIds]) -> None:
    """Remember that the target table has these ids; a row that got more of them meanwhile is left for the next run."""
    if written:
        keys_and_ids = [(row.integration_id, row.applicant_id, *row.ids) for row in written]
        unchanged = has_key(conn, source, keys_and_ids, *ID_COLUMNS)
        conn.execute(update(deliveries).where(unchanged).values(written_back_at=now(conn), missed_by=None))


def note_missed(conn: Connection, source: str, run: RunRef, missed: Sequence[DeliveredIds]) -> None:
    """Remember that a run was the first to find that the target cannot take these ids."""
    keys = [(row.integration_id, row.applicant_id) for row in missed if row.missed_by is None]
    if keys:
        conn.execute(update(deliveries).where(has_key(conn, source, keys)).values(missed_by=_name(run)))


def was_any_written_back(conn: Connection, source: str) -> bool:
    """Tell whether the target ever took the ids of a delivery of this source."""
    of_source = deliveries.c.source == source, deliveries.c.written_back_at.is_not(None)
    return conn.execute(select(deliveries.c.source).where(*of_source).limit(1)).first() is not None


def who_bears(conn: Connection, column: str, ids: Collection[str]) -> Mapping[str, set[DeliveryKey]]:
    """Return, for those of the ids that the ledger knows in this column, the deliveries of any source that bear it."""
    found: defaultdict[str, set[DeliveryKey]] = defaultdict(set)
    if ids:
        bearing = deliveries.c[column]
        for row in conn.execute(select(bearing, *KEY_COLUMNS).where(bearing.in_(sorted(ids)))):
            found[row[0]].add(DeliveryKey(*row[1:]))
    return found


def owned(
    conn: Connection, integration_id: str, applications: Collection[tuple[str, str | None]]
) -> dict[str, DeliveryKey]:
    """Return which applications, each its id and the ATS's, belong to a delivery already, of whatever source.

    A delivery that bears the ATS's id alone owns the application as well.
    """
    by_id, by_remote_id = deliveries.c.kombo_application_id, deliveries.c.kombo_application_remote_id
    ids = sorted(application_id for application_id, _ in applications)
    remote = {remote_id: application_id for application_id, remote_id in applications if remote_id is not None}
    of_lane = deliveries.c.integration_id == integration_id
    named = select(by_remote_id, *KEY_COLUMNS).where(of_lane, by_id.is_(None), by_remote_id.in_(sorted(remote)))
    found = {remote[row[0]]: DeliveryKey(*row[1:]) for row in conn.execute(named)}
    for row in conn.execute(select(by_id, *KEY_COLUMNS).where(of_lane, by_id.in_(ids))):
        found[row[0]] = DeliveryKey(*row[1:])
    return found
