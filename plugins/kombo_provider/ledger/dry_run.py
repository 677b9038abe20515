"""A dry run: what would become of each row, written down instead of done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from kombo_provider.ledger._run_tables import dry_run
from kombo_provider.ledger._tables import KEY_COLUMNS
from kombo_provider.ledger.email_digest import payload_digest
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.staging import StagedRow, Staging, foresee
from kombo_provider.ledger.status import DeliveryKey


def clear(conn: Connection, source: str) -> None:
    """Forget the source's former dry run: the table holds the last one only."""
    conn.execute(delete(dry_run).where(dry_run.c.source == source))


def forget(conn: Connection, key: DeliveryKey) -> bool:
    """Take out what was foreseen for one person; return False where nothing was."""
    of_key = [dry_run.c[column.name] == value for column, value in zip(KEY_COLUMNS, key, strict=True)]
    return conn.execute(delete(dry_run).where(*of_key)).rowcount > 0


def keys_of(conn: Connection, digest: str | None) -> set[DeliveryKey]:
    """Return the keys of a person's rows in dry runs, by the digest of the address; of all sources."""
    if digest is None:
        return set()
    columns = [dry_run.c[column.name] for column in KEY_COLUMNS]
    return {DeliveryKey(*row) for row in conn.execute(select(*columns).where(dry_run.c.email_sha256 == digest))}


def rehearse(conn: Connection, staging: Staging, rows: Sequence[StagedRow]) -> Counter[str]:
    """Write the decision for each row to `kombo_dry_run`, without its payload, and count as staging would."""
    at = now(conn)
    decisions = foresee(conn, staging.source, rows)
    if rows:
        conn.execute(
            dry_run.insert(),
            [
                {
                    "source": staging.source,
                    "integration_id": row.integration_id,
                    "applicant_id": row.applicant_id,
                    "decision": counter,
                    "becomes": status,
                    "problems": row.problems,
                    "email_sha256": payload_digest(conn, row.payload),
                    "at": at,
                    "dag_id": staging.run.dag_id,
                    "run_id": staging.run.run_id,
                }
                for row, (counter, status) in zip(rows, decisions, strict=True)
            ],
        )
    return Counter(counter for counter, _ in decisions)


def known_keys(conn: Connection, source: str, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of the (integration id, applicant id) pairs that this dry run has written down already."""
    wanted = set(keys)
    query = select(dry_run.c.integration_id, dry_run.c.applicant_id).where(
        dry_run.c.source == source, dry_run.c.applicant_id.in_(sorted({applicant_id for _, applicant_id in wanted}))
    )
    return {(row[0], row[1]) for row in conn.execute(query)} & wanted if wanted else set()
