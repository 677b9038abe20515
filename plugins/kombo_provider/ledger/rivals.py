"""Deliveries that could own the same application at Kombo as a doubt."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, not_, select

from kombo_provider.ledger._tables import IS_UNSETTLED, KEY_COLUMNS, deliveries, is_key
from kombo_provider.ledger.doubts import Doubt, payload_of
from kombo_provider.ledger.email_digest import email_of, payload_digest
from kombo_provider.ledger.status import DeliveryKey


class _Person(NamedTuple):
    """Whom a payload is about."""

    email: str | None
    digest: str | None


class Rivals:
    """Finds rivals for many doubts, one after the other; each payload is read once, for it may hold megabytes."""

    def __init__(self) -> None:
        self._persons: dict[tuple[DeliveryKey, int], _Person] = {}
        """By the delivery and its attempts: a row may be sent again with another payload."""

    def of(self, conn: Connection, doubt: Doubt) -> list[DeliveryKey]:
        """Return the other deliveries, of whatever source, whose request for the same person and job is not settled."""
        others = select(*KEY_COLUMNS, deliveries.c.attempts).where(
            IS_UNSETTLED,
            deliveries.c.integration_id == doubt.key.integration_id,
            deliveries.c.job_id == doubt.job_id,
            not_(is_key(doubt.key)),
        )
        rivals = []
        for *key, attempts in conn.execute(others).all():
            other = DeliveryKey(*key)
            if _is_about(self._person(conn, other, attempts), doubt):
                rivals.append(other)
        return rivals

    def _person(self, conn: Connection, key: DeliveryKey, attempts: int) -> _Person:
        person = self._persons.get((key, attempts))
        if person is None:
            payload = payload_of(conn, key)
            person = _Person(email_of(payload), payload_digest(conn, payload))
            self._persons[key, attempts] = person
        return person


def _is_about(person: _Person, doubt: Doubt) -> bool:
    """Tell whether a delivery is about the same person as a doubt; nobody is the same as an unknown person."""
    if person.email is not None and doubt.email is not None:
        return person.email.strip().lower() == doubt.email.strip().lower()
    return doubt.email_sha256 is not None and person.digest == doubt.email_sha256
