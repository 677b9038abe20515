"""Which rows in doubt a person is asked about: those that no look-up has settled in its time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, case, func, or_, select, update

from kombo_provider.ledger._tables import deliveries, is_key
from kombo_provider.ledger.doubts import COLUMNS, Doubt, are_in_doubt, doubt_of
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.questions import is_over

ASKED_UNREAD_AFTER = timedelta(hours=12)
"""How long after its request a row is asked about that no look-up could read."""


def ask_again_after(conn: Connection, doubts: Sequence[Doubt], wait: timedelta) -> None:
    """Ask nobody about these rows for a while."""
    at = now(conn) + wait
    for doubt in doubts:
        conn.execute(update(deliveries).where(is_key(doubt.key)).values(ask_after=at))


def integrations_to_ask(conn: Connection, source: str, timeout: timedelta) -> list[str]:
    """Return the integrations with rows to ask about (see `to_ask`); those come first that nobody was asked about."""
    query = (
        select(deliveries.c.integration_id)
        .where(*_to_ask(conn, source, timeout))
        .group_by(deliveries.c.integration_id)
        .order_by(func.min(_WAS_ASKED), func.min(deliveries.c.sent_at), deliveries.c.integration_id)
    )
    return list(conn.scalars(query))


def to_ask(conn: Connection, source: str, integration_id: str, timeout: timedelta) -> list[Doubt]:
    """Return the rows in doubt that a person may decide about, first those that nobody was asked about, by age."""
    query = (
        select(*COLUMNS)
        .where(*_to_ask(conn, source, timeout), deliveries.c.integration_id == integration_id)
        .order_by(_WAS_ASKED, deliveries.c.sent_at, deliveries.c.applicant_id)
    )
    return [doubt_of(row) for row in conn.execute(query)]


# About its newest request: who was told of an earlier one knows nothing of this.
_WAS_ASKED = case((deliveries.c.asked_at >= deliveries.c.sent_at, 1), else_=0)


def _to_ask(conn: Connection, source: str, timeout: timedelta) -> list[ColumnElement[bool]]:
    return [*are_in_doubt(source), is_over(deliveries.c.ask_after, now(conn)), *_fruitless(conn, timeout)]


def _fruitless(conn: Connection, timeout: timedelta) -> list[ColumnElement[bool]]:
    """Nobody is asked while a request may still be executed, nor before a look-up has had its time to find it."""
    has_ended_before = now(conn) - timeout
    sent_at = func.coalesce(deliveries.c.sent_at, deliveries.c.staged_at)
    looked_up_since = deliveries.c.looked_up_at >= sent_at
    # An integration that cannot be read, or no DAG that looks up, must not keep a doubt from everybody for ever.
    waited_in_vain = sent_at <= has_ended_before - ASKED_UNREAD_AFTER
    return [sent_at <= has_ended_before, or_(looked_up_since, waited_in_vain)]
