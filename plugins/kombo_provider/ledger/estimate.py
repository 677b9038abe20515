"""What sending would mean, before anything is sent: rows, those that are delivered already, and hours.

The hours come from each lane's last measured latency, its cap, and the rate limit of the connection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, func, or_, select

from kombo_provider.ledger import holds
from kombo_provider.ledger._run_tables import dry_run, runs
from kombo_provider.ledger._tables import deliveries, lanes
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.status import Hold, Status

RATE_PER_HOUR = 300 * 60
"""What Kombo's documents show of its rate limit; all lanes of a connection share it."""


USUAL_CAP = 30
"""Requests at once that Kombo allows an integration of which no other limit was seen."""

_MS_PER_HOUR = 3_600_000

Counts = Counter[tuple[str, str]]
"""Rows by integration and by what would become of them: a field of Foreseen."""


class Foreseen(NamedTuple):
    """What would become of an integration's rows, and how long those to send take; None: nothing was measured yet."""

    to_send: int = 0
    delivered: int = 0
    delivered_elsewhere: int = 0
    """Of those to send: delivered to another integration already."""
    invalid: int = 0
    other: int = 0
    hours: float | None = None

    def in_words(self) -> str:
        """Say what is to be sent, in a few words with numbers."""
        more = []
        if self.hours is not None:
            more.append(f"{self.hours:.1f} h")
        if self.delivered_elsewhere:
            more.append(f"{self.delivered_elsewhere} delivered to another integration already")
        if self.delivered:
            more.append(f"{self.delivered} delivered")
        if self.invalid:
            more.append(f"{self.invalid} invalid")
        if not more:
            return f"{self.to_send}"
        return f"{self.to_send} ({', '.join(more)})"


def foresee(
    conn: Connection, kombo_conn_id: str, counts: Counts, *, max_in_flight: int = USUAL_CAP
) -> dict[str, Foreseen]:
    """Say of each integration what would become of its rows, and how long they take."""
    names = sorted({name for (name, _), rows in counts.items() if rows})
    to_send = {name: counts[name, "to_send"] for name in names if counts[name, "to_send"]}
    lasting = hours(conn, kombo_conn_id, to_send, max_in_flight=max_in_flight)
    found: dict[str, Foreseen] = {}
    for name in names:
        found[name] = Foreseen(
            to_send=counts[name, "to_send"],
            delivered=counts[name, "delivered"],
            delivered_elsewhere=counts[name, "delivered_elsewhere"],
            invalid=counts[name, "invalid"],
            other=counts[name, "other"],
            hours=lasting.get(name),
        )
    return found


def count_held(conn: Connection, selection: Selection, hold: Hold, integration_ids: Collection[str] = ()) -> Counts:
    """Count the rows of a selection that are held for a reason; the ids narrow where given."""
    counts: Counts = Counter()
    for held in holds.held(conn, selection, integration_ids):
        if held.hold is hold:
            counts[held.integration_id, "to_send"] = held.rows
    if counts:
        conditions = [*holds.are_held(selection, integration_ids), deliveries.c.hold == hold]
        counts += _count_elsewhere(conn, selection.source, deliveries, and_(*conditions))
    return counts


def count_dry_run(conn: Connection, source: str) -> Counts:
    """Count what the source's last dry run decided."""
    now_there = and_(
        deliveries.c.source == dry_run.c.source,
        deliveries.c.integration_id == dry_run.c.integration_id,
        deliveries.c.applicant_id == dry_run.c.applicant_id,
    )
    kind = dry_run.c.decision, dry_run.c.becomes, deliveries.c.status
    query = (
        select(dry_run.c.integration_id, *kind, func.count())
        .select_from(dry_run.outerjoin(deliveries, now_there))
        .where(dry_run.c.source == source)
        .group_by(dry_run.c.integration_id, *kind)
    )
    counts: Counts = Counter()
    for name, decision, becomes, status, rows in conn.execute(query):
        counts[name, what_becomes(decision, becomes, is_delivered=status == Status.DELIVERED)] += rows
    will_leave = and_(dry_run.c.source == source, dry_run.c.becomes == Status.READY)
    return counts + _count_elsewhere(conn, source, dry_run, will_leave)


def what_becomes(decision: str, becomes: str | None, *, is_delivered: bool) -> str:
    """Name the field of Foreseen in which a row counts that staging would decide about so."""
    if becomes == Status.READY:
        return "to_send"
    if is_delivered or decision == "imported":
        return "delivered"
    if becomes == Status.INVALID:
        return "invalid"
    return "other"


def _count_elsewhere(conn: Connection, source: str, table: Table, conditions: ColumnElement[bool]) -> Counts:
    """Count those of a table's rows, by integration, whose applicant was delivered to another integration."""
    # One row for each applicant. Where the first and the last of several integrations are the row's own, there is no
    # other; a list of all of them would take an aggregate that each database calls by another name.
    there = (
        select(
            deliveries.c.applicant_id,
            func.min(deliveries.c.integration_id).label("first"),
            func.max(deliveries.c.integration_id).label("last"),
        )
        .where(deliveries.c.source == source, deliveries.c.status == Status.DELIVERED)
        .group_by(deliveries.c.applicant_id)
        .subquery("delivered")
    )
    own = table.c.integration_id
    query = (
        select(own, func.count())
        .select_from(table.join(there, there.c.applicant_id == table.c.applicant_id))
        .where(conditions, or_(there.c.first != own, there.c.last != own))
        .group_by(own)
    )
    counts: Counts = Counter()
    for name, rows in conn.execute(query):
        counts[name, "delivered_elsewhere"] = rows
    return counts


def hours(
    conn: Connection, kombo_conn_id: str, rows: Mapping[str, int], *, max_in_flight: int = USUAL_CAP
) -> dict[str, float | None]:
    """Return how many hours the rows of each integration take; None where no latency was measured yet."""
    caps = _caps(conn, kombo_conn_id, rows)
    measured = _median_ms(conn, kombo_conn_id, rows)
    found: dict[str, float | None] = {}
    for name, count in rows.items():
        if name not in measured:
            found[name] = None
            continue
        cap = min(max_in_flight, caps.get(name) or max_in_flight)
        by_latency = count * measured[name] / _MS_PER_HOUR / cap
        # However quick the ATS, the connection's rate limit lets no more through.
        found[name] = max(by_latency, count / RATE_PER_HOUR)
    return found


def in_all(foreseen: Mapping[str, Foreseen]) -> Foreseen:
    """Sum the integrations up, and say how long their lanes take side by side; None where one's time is unknown."""
    total = Foreseen()
    lasting = []
    for found in foreseen.values():
        total = Foreseen(
            to_send=total.to_send + found.to_send,
            delivered=total.delivered + found.delivered,
            delivered_elsewhere=total.delivered_elsewhere + found.delivered_elsewhere,
            invalid=total.invalid + found.invalid,
            other=total.other + found.other,
        )
        if found.to_send:
            lasting.append(found.hours)
    known = [value for value in lasting if value is not None]
    if len(known) < len(lasting):
        return total
    # Lanes send side by side, so the slowest decides; but all of them share the rate limit.
    return total._replace(hours=max([*known, total.to_send / RATE_PER_HOUR]))


def delivered_to(conn: Connection, source: str, applicant_ids: Collection[str]) -> dict[str, set[str]]:
    """Return to which integrations each of the applicants was delivered."""
    query = select(deliveries.c.integration_id, deliveries.c.applicant_id).where(
        deliveries.c.source == source,
        deliveries.c.applicant_id.in_(sorted(applicant_ids)),
        deliveries.c.status == Status.DELIVERED,
    )
    at: dict[str, set[str]] = {}
    for integration_id, applicant_id in conn.execute(query):
        at.setdefault(applicant_id, set()).add(integration_id)
    return at


def _caps(conn: Connection, kombo_conn_id: str, names: Collection[str]) -> dict[str, int | None]:
    query = select(lanes.c.integration_id, lanes.c.cap_seen).where(
        lanes.c.kombo_conn_id == kombo_conn_id, lanes.c.integration_id.in_(sorted(names))
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def _median_ms(conn: Connection, kombo_conn_id: str, names: Collection[str]) -> dict[str, int]:
    """Return the median latency of each integration's last run that measured one."""
    if not names:
        return {}  # a database would look through all runs to find none
    query = (
        select(runs.c.integration_id, runs.c.p50_ms)
        .where(
            runs.c.kombo_conn_id == kombo_conn_id, runs.c.integration_id.in_(sorted(names)), runs.c.p50_ms.is_not(None)
        )
        .order_by(runs.c.ended_at)
    )
    return {row[0]: row[1] for row in conn.execute(query)}  # the last of a name's rows stays
