"""Rows in doubt: what a wrong clock wrote keeps nobody from asking about them, or from a resend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kombo_provider.ledger import Status, asking, doubts
from kombo_provider.ledger.doubts import RESEND_MARGIN
from tests.unit.ledger.book import RUN, STAGING, VALID, Book

MINUTE = timedelta(minutes=1)
LONG_AGO = timedelta(minutes=-10)


def _in_doubt_since(book: Book, sent_at: datetime) -> None:
    book.stage(VALID)
    (intent,) = book.claim()
    book.record(intent, Status.IN_DOUBT)
    book.set(sent_at=sent_at)


def test_a_send_time_of_a_clock_that_was_a_year_ahead_is_taken_for_now(book: Book) -> None:
    _in_doubt_since(book, datetime.now(UTC) + timedelta(days=365))
    with book.ledger.transaction() as conn:
        (doubt,) = doubts.to_look_up(conn, STAGING.source, STAGING.kombo_conn_id, 10)
    assert doubt.sent_at is not None
    assert doubt.sent_at <= datetime.now(UTC) + MINUTE
    with book.ledger.transaction() as conn:
        doubts.looked_up(conn, [doubt.key])
        assert asking.integrations_to_ask(conn, STAGING.source, MINUTE) == []  # it may run still
        assert asking.integrations_to_ask(conn, STAGING.source, LONG_AGO) == ["greenhouse:a"]


def test_a_resend_by_policy_waits_no_year_for_a_clock_that_was_ahead(book: Book) -> None:
    _in_doubt_since(book, datetime.now(UTC) + timedelta(days=365))
    with book.ledger.transaction() as conn:
        assert doubts.order_automatic_resends(conn, STAGING.source, MINUTE, RUN) == 0
        assert doubts.order_automatic_resends(conn, STAGING.source, -RESEND_MARGIN - MINUTE, RUN) == 1


def test_a_recent_send_time_stays_as_it_is(book: Book) -> None:
    sent_at = datetime.now(UTC) - timedelta(hours=1)
    _in_doubt_since(book, sent_at)
    with book.ledger.transaction() as conn:
        assert doubts.disbelieve_future(conn, STAGING.source) == 0
    assert book.row()["sent_at"] == sent_at
