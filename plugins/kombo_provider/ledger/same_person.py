"""Which row of a source has an application of a person for a job, so that no second one leaves under another key.

A person and a job are kept as one digest, keyed by a secret that does not lie in the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, select, tuple_, update

from kombo_provider.ledger._bulk import insert_into
from kombo_provider.ledger._by_key import Pair, has_key
from kombo_provider.ledger._run_tables import same_person as table
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.email_digest import SECRET_OPTION, keyed_digest
from kombo_provider.ledger.status import ENDED_UNDELIVERED, RESTAGED_WHEN_CHANGED, Status


class Applied(NamedTuple):
    """A row that may be sent: its key, and who applies for what."""

    integration_id: str
    applicant_id: str
    job_id: str
    email: str

    @property
    def key(self) -> Pair:
        """The row within its source."""
        return self.integration_id, self.applicant_id


def has_secret(conn: Connection) -> bool:
    """Tell whether the ledger can keep digests."""
    return bool(conn.get_execution_options().get(SECRET_OPTION))


def others_before(conn: Connection, source: str, rows: Sequence[Applied]) -> dict[Pair, str]:
    """Enter the rows' persons, and return for each row that is a second one the applicant id of the first.

    `lock_source` was called in the same transaction, and the rows are staged in it. First is who was entered first; of
    rows that come together, one that the ledger has ready or sent. Who ended undelivered makes way.
    """
    statuses = _statuses(conn, source, [row.key for row in rows])
    digests = {row: _digest(conn, row) for row in rows}
    changeable = [key for key, status in statuses.items() if status in RESTAGED_WHEN_CHANGED]
    _drop_outdated(conn, source, changeable, {row.key: digest for row, digest in digests.items()})
    # The first of two that are entered together has the place.
    known_first = sorted(rows, key=lambda row: _has_no_place(statuses, row.key))
    entered = [_entry(source, row, digests[row]) for row in known_first]
    conn.execute(insert_into(conn, table).on_conflict_do_nothing(), entered)
    return _later_rows(conn, source, digests)


def _has_no_place(statuses: Mapping[Pair, Status], key: Pair) -> bool:
    """Tell whether a row makes way for the next: the ledger does not have it, or it ended undelivered."""
    return statuses.get(key, Status.INVALID) in ENDED_UNDELIVERED


def forget(conn: Connection, source: str, key: Pair) -> None:
    """Take a person out who is forgotten."""
    conn.execute(delete(table).where(*_of(source, [key])))


def _drop_outdated(conn: Connection, source: str, keys: Sequence[Pair], digests: Mapping[Pair, str]) -> None:
    """Take rows out that have not been sent and now name another person or job."""
    if not keys:
        return
    query = select(table.c.integration_id, table.c.applicant_id, table.c.person).where(*_of(source, keys))
    stale = []
    for integration_id, applicant_id, person in conn.execute(query):
        if digests[integration_id, applicant_id] != person:
            stale.append((integration_id, person))
    if stale:
        are_stale = tuple_(table.c.integration_id, table.c.person).in_(stale)
        conn.execute(delete(table).where(table.c.source == source, are_stale))


def _later_rows(conn: Connection, source: str, digests: Mapping[Applied, str]) -> dict[Pair, str]:
    """Return the first of each row that is a second, once rows whose first ended undelivered have taken its place."""
    owners = _owners(conn, source, set(digests.values()))
    later: dict[Applied, str] = {}
    for row, digest in digests.items():
        owner = owners[row.integration_id, digest]
        if owner != row.applicant_id:
            later[row] = owner
    here = {row.key for row in digests}
    statuses = _statuses(conn, source, [(row.integration_id, owner) for row, owner in later.items()])
    found: dict[Pair, str] = {}
    taken: dict[tuple[str, str], str] = {}
    for row, owner in later.items():
        place = row.integration_id, digests[row]
        if place in taken:  # by another row of these, a moment ago
            found[row.key] = taken[place]
            continue
        first = row.integration_id, owner
        # A first that is staged with it may leave, whatever the ledger says of it by now.
        if first in here or not _has_no_place(statuses, first):
            found[row.key] = owner
            continue
        taken[place] = row.applicant_id
        at = table.c.source == source, table.c.integration_id == place[0], table.c.person == place[1]
        conn.execute(update(table).where(*at).values(applicant_id=row.applicant_id))
    return found


def _digest(conn: Connection, row: Applied) -> str:
    secret = conn.get_execution_options().get(SECRET_OPTION)
    job = row.job_id.encode().hex()  # the digest does not mind case, and jobs do
    return keyed_digest(f"{row.email} {job}", secret) or ""


def _entry(source: str, row: Applied, digest: str) -> dict[str, str]:
    key = {"source": source, "integration_id": row.integration_id, "applicant_id": row.applicant_id}
    return {**key, "person": digest}


def _of(source: str, keys: Sequence[Pair]) -> tuple[ColumnElement[bool], ...]:
    return table.c.source == source, tuple_(table.c.integration_id, table.c.applicant_id).in_(keys)


def _statuses(conn: Connection, source: str, keys: Sequence[Pair]) -> dict[Pair, Status]:
    if not keys:
        return {}
    columns = deliveries.c.integration_id, deliveries.c.applicant_id, deliveries.c.status
    found = conn.execute(select(*columns).where(has_key(conn, source, keys)))
    return {(integration_id, applicant_id): Status(status) for integration_id, applicant_id, status in found}


def _owners(conn: Connection, source: str, persons: Collection[str]) -> dict[tuple[str, str], str]:
    columns = table.c.integration_id, table.c.person, table.c.applicant_id
    found = conn.execute(select(*columns).where(table.c.source == source, table.c.person.in_(persons)))
    return {(integration_id, person): applicant_id for integration_id, person, applicant_id in found}
