"""Empties personal data and keeps the proof of delivery."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from sqlalchemy import Connection, func, or_, select, update

from kombo_provider.ledger import dry_run, forgotten, same_person
from kombo_provider.ledger._by_key import Pair, has_key
from kombo_provider.ledger._moves import By, move_where
from kombo_provider.ledger._tables import EMPTIED, HOLDS_PERSONAL_DATA, KEY_COLUMNS, deliveries, is_key
from kombo_provider.ledger.email_digest import email_of
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.status import CANCELLED_WHEN_FORGOTTEN, UNFINISHED, DeliveryKey, Resolution, Status

_FORGOTTEN = {**EMPTIED, "email_sha256": None}


def forget(conn: Connection, key: DeliveryKey, by: By) -> bool:
    """Empty one person's data; keys, ids and times stay as proof. Return False where nothing is known of the key.

    A row that waited to be sent is cancelled: without its payload it cannot leave.
    """
    at = now(conn)
    was_foreseen = dry_run.forget(conn, key)
    same_person.forget(conn, key.source, (key.integration_id, key.applicant_id))
    cancelled = {"resolution": Resolution.HUMAN, "finished_at": at}
    # What is on the wire, in doubt or delivered keeps its status: that is the proof.
    for status in CANCELLED_WHEN_FORGOTTEN:
        move_where(conn, status, Status.CANCELLED, [is_key(key)], cancelled, by, at)
    ids = deliveries.c.kombo_application_id, deliveries.c.kombo_candidate_id
    emptied = update(deliveries).where(is_key(key)).values(_FORGOTTEN).returning(*ids)
    found = conn.execute(emptied).first()
    if found is None:
        return was_foreseen
    forgotten.note_delivery(conn, key)
    forgotten.forget_records(conn, key.integration_id, *found)
    return True


def keep_forgotten(conn: Connection) -> None:
    """Empty what came of forgotten persons later: an answer's words, and records that were not known to be theirs."""
    by_source: defaultdict[str, list[Pair]] = defaultdict(list)
    for key in forgotten.noted_deliveries(conn):
        by_source[key.source].append((key.integration_id, key.applicant_id))
    for source, pairs in by_source.items():
        is_noted = has_key(conn, source, pairs)
        borne = deliveries.c.integration_id, deliveries.c.kombo_application_id, deliveries.c.kombo_candidate_id
        # Records before deliveries, as a sync's page has it: else the two could wait for each other.
        forgotten.forget_given(conn, conn.execute(select(*borne).where(is_noted)).all())
        is_filled = or_(*(deliveries.c[name].is_not(None) for name in _FORGOTTEN))
        # One that waits was returned by the SELECT once more, and leaves with its body.
        is_finished = deliveries.c.status.not_in(UNFINISHED)
        conn.execute(update(deliveries).where(is_noted, is_finished, is_filled).values(_FORGOTTEN))


def forget_email(conn: Connection, email: str, digest: str | None, by: By) -> list[DeliveryKey]:
    """Empty the data of every delivery for an address, in all sources and integrations; return their keys."""
    wanted = email.strip().lower()
    # The address may stand anywhere in the text, also as a part of another one: each payload found is read below.
    may_be_theirs = func.lower(deliveries.c.payload).contains(wanted, autoescape=True)
    if digest is not None:
        may_be_theirs = or_(may_be_theirs, deliveries.c.email_sha256 == digest)
    query = select(*KEY_COLUMNS, deliveries.c.payload, deliveries.c.email_sha256).where(may_be_theirs)
    keys = dry_run.keys_of(conn, digest)
    for row in conn.execute(query):
        found = email_of(row.payload)
        is_person = found is not None and found.strip().lower() == wanted
        if is_person or (digest is not None and row.email_sha256 == digest):
            keys.add(DeliveryKey(*row[:3]))
    for key in sorted(keys):
        forget(conn, key, by)
    for integration_id, candidate_id in forgotten.candidates_with_email(conn, email):
        forgotten.forget_records(conn, integration_id, None, candidate_id)
    return sorted(keys)


def empty_old_payloads(conn: Connection, source: str, keep_days: int) -> int:
    """Empty the personal data of rows that failed, were cancelled or delivered long ago; return how many."""
    statement = (
        update(deliveries)
        .where(
            deliveries.c.source == source,
            HOLDS_PERSONAL_DATA,
            deliveries.c.finished_at < now(conn) - timedelta(days=keep_days),
        )
        .values(EMPTIED)
    )
    return conn.execute(statement).rowcount
