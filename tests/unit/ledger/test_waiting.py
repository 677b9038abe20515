"""What waits on a lane, and for how long at most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kombo_provider.ledger import claims, waiting
from tests.unit.ledger.book import SELECTION, VALID, Book

TIMEOUT = timedelta(minutes=5)


def _shorten(book: Book) -> None:
    with book.ledger.transaction() as conn:
        waiting.shorten(conn, SELECTION, TIMEOUT)


def test_a_wait_that_a_clock_far_ahead_set_ends_when_a_request_in_doubt_has(book: Book) -> None:
    book.stage(VALID)
    book.set("1", not_before=datetime.now(UTC) + timedelta(days=400), ordered_resend=1)
    _shorten(book)
    left = book.row("1")["not_before"] - datetime.now(UTC)
    assert TIMEOUT < left < TIMEOUT + timedelta(minutes=2)


def test_a_wait_that_a_rule_set_stays(book: Book) -> None:
    book.stage(VALID)
    until = datetime.now(UTC) + timedelta(hours=1)
    book.set("1", not_before=until)
    _shorten(book)
    assert book.row("1")["not_before"] == until
    with book.ledger.transaction() as conn:
        assert claims.count_ready(conn, SELECTION, due=True) == {}
