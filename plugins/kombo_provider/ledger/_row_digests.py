"""The digests by which source rows are known again."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, or_, update

from kombo_provider.ledger._by_key import Pair, lock_rows, of_keys
from kombo_provider.ledger._decisions import UNASKED
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.status import AT_REST, Status


def recognise(
    conn: Connection, source: str, kombo_conn_id: str, keys: Collection[Pair], *, field_judged_elsewhere: str
) -> dict[Pair, tuple[str, str]]:
    """Return digest and status of the keys' rows, where staging would leave them as they are if the digest is the same.

    A row that was taken out, waits for another connection, or is to be tried again is always staged; so is one that is
    invalid for a field about which somebody else's word counts, which may have changed.
    """
    if not keys:
        return {}
    query = of_keys(conn, source, keys, deliveries.c.row_digest, deliveries.c.status).where(
        deliveries.c.row_digest.is_not(None),
        deliveries.c.payload_sha256 != "",
        deliveries.c.status != Status.CANCELLED,
        or_(deliveries.c.status != Status.READY, deliveries.c.kombo_conn_id == kombo_conn_id),
        or_(
            deliveries.c.status != Status.INVALID,
            deliveries.c.problems.not_like(f'%"field":"{field_judged_elsewhere}%'),
        ),
    )
    found: dict[Pair, tuple[str, str]] = {}
    for integration_id, applicant_id, digest, status in conn.execute(query).all():
        if digest[:1] == UNASKED[0] and status == Status.DELIVERED:  # nothing is to be checked any more of such a row
            digest = digest.removeprefix(UNASKED)
        found[integration_id, applicant_id] = digest, status
    return found


def learn(conn: Connection, source: str, digests: Mapping[Pair, str]) -> None:
    """Know rows by their digests from now on, that were staged before there were any, or otherwise mapped."""
    # Without those that somebody else has locked: a digest is worth no wait, the next run learns it.
    found = lock_rows(conn, source, list(digests), AT_REST)
    if not found:
        return
    learnt = []
    for pair in found:
        integration_id, applicant_id = pair
        key = {"key": source, "integration": integration_id, "applicant": applicant_id}
        learnt.append({**key, "digest": digests[pair]})
    conn.execute(_LEARN, learnt)


# Built once: it runs for each chunk of every hourly run.
_LEARN = (
    update(deliveries)
    .where(
        deliveries.c.source == bindparam("key"),
        deliveries.c.integration_id == bindparam("integration"),
        deliveries.c.applicant_id == bindparam("applicant"),
    )
    .values(row_digest=bindparam("digest"))
)
