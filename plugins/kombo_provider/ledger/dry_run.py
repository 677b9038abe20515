"""A dry run: what would become of each row, written down instead of done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from kombo_provider.ledger._run_tables import dry_run
from kombo_provider.ledger.email_digest import payload_digest
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.staging import StagedRow, Staging, foresee
from kombo_provider.ledger.status import DeliveryKey


def clear(conn: Connection, source: str) -> None:
    """Forget the source's former dry run: the table holds the last one only."""
    conn.execute(delete(dry_run).where(dry_run.c.source == source))


def forget(conn: Connection, key: DeliveryKey) -> bool:
    """Take out what was foreseen for one person; return False where nothing was."""
    of_key = (
        dry_run.c.source == key.source,
        dry_run.c.integration_id == key.integration_id,
        dry_run.c.applicant_id == key.applicant_id,
    )
    return conn.execute(delete(dry_run).where(*of_key)).rowcount > 0


def keys_of(conn: Connection, digest: str | None) -> set[DeliveryKey]:
    """Return the keys of a person's rows in dry runs, by the digest of the address; of all sources."""
    if digest is None:
        return set()
    query = select(dry_run.c.source, dry_run.c.integration_id, dry_run.c.applicant_id)
    found = conn.execute(query.where(dry_run.c.email_sha256 == digest))
    return {DeliveryKey(*row) for row in found}


def rehearse(conn: Connection, staging: Staging, rows: Sequence[StagedRow]) -> Counter[str]:
    """Write the decision for each row to `kombo_dry_run`, without its payload, and count as staging would."""
    at = now(conn)
    decisions = foresee(conn, staging.source, rows)
    counts: Counter[str] = Counter()
    written = []
    for row, (counter, status) in zip(rows, decisions, strict=True):
        counts[counter] += 1
        written.append(
            {
                "source": staging.source,
                "integration_id": row.integration_id,
                "applicant_id": row.applicant_id,
                "decision": counter,
                "becomes": status,
                "problems": row.problems,
                # By this alone `forget --email` finds the row: there is no payload to look into.
                "email_sha256": payload_digest(conn, row.payload),
                "at": at,
                "dag_id": staging.run.dag_id,
                "run_id": staging.run.run_id,
            }
        )
    if written:
        conn.execute(dry_run.insert(), written)
    return counts


def known_keys(conn: Connection, source: str, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of the (integration id, applicant id) pairs that this dry run has written down already."""
    if not keys:
        return set()
    wanted = set(keys)
    applicant_ids = sorted({applicant_id for _, applicant_id in wanted})
    query = select(dry_run.c.integration_id, dry_run.c.applicant_id).where(
        dry_run.c.source == source, dry_run.c.applicant_id.in_(applicant_ids)
    )
    # An applicant of another integration may bear one of the ids, so the pairs are compared here.
    return {(row[0], row[1]) for row in conn.execute(query)} & wanted
