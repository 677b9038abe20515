"""A person orders refused rows to be tried again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, and_, or_, update

from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.status import Status

INVALID: Final = "invalid"
"""Asks for the rows that failed our own checks, in place of an error code."""


def order_replay(conn: Connection, source: str, codes: Collection[str]) -> dict[tuple[str, str], str]:
    """Have the rows refused with these error codes staged again at their next extract, as if they had changed.

    Returns their (integration id, applicant id), and which of the codes each bears. A row stays refused until the
    SELECT returns it.
    """
    wanted = and_(deliveries.c.status == Status.REJECTED, deliveries.c.error_code.in_(sorted(codes)))
    if INVALID in codes:
        wanted = or_(wanted, deliveries.c.status == Status.INVALID)
    statement = (
        update(deliveries)
        .where(deliveries.c.source == source, wanted)
        # No row has the digest "": staging takes it for one that changed. The limit for answers of class V begins anew,
        # since a person ordered it (contract, P1).
        .values(payload_sha256="", retryable_codes=0)
        .returning(deliveries.c.integration_id, deliveries.c.applicant_id, deliveries.c.status, deliveries.c.error_code)
    )
    ordered = {}
    for integration_id, applicant_id, status, code in conn.execute(statement):
        if status == Status.INVALID:
            ordered[integration_id, applicant_id] = INVALID
        else:
            ordered[integration_id, applicant_id] = code
    return ordered
