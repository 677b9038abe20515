"""How far a source was read: forward only, and never by a wrong clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from kombo_provider.ledger import staging
from kombo_provider.ledger._tables import sources
from kombo_provider.ledger.ledger import Ledger
from tests.unit.ledger.book import CHANGED, STAGING, VALID, Book


def test_the_watermark_moves_only_forward(ledger: Ledger) -> None:
    seen = []
    for at in (CHANGED, CHANGED - timedelta(days=1), CHANGED + timedelta(hours=1)):
        with ledger.transaction() as conn:
            staging.lock_source(conn, "s")
            staging.move_watermark(conn, "s", at)
            seen.append(staging.watermark(conn, "s"))
    assert seen == [CHANGED, CHANGED, CHANGED + timedelta(hours=1)]
    with ledger.transaction() as conn:
        assert staging.watermark(conn, "other") is None


def test_a_watermark_of_a_clock_that_was_a_year_ahead_is_not_believed(book: Book) -> None:
    ahead = datetime.now(UTC) + timedelta(days=365)
    book.stage(VALID, VALID.but(applicant_id="2", changed_at=CHANGED - timedelta(days=3)))
    with book.ledger.transaction() as conn:
        conn.execute(sources.update().values(watermark=ahead))
        assert staging.watermark(conn, STAGING.source) == CHANGED, "how far the rows got that the ledger has"
        staging.lock_source(conn, STAGING.source)
        staging.move_watermark(conn, STAGING.source, CHANGED + timedelta(hours=1))
    with book.ledger.transaction() as conn:
        assert conn.scalar(select(sources.c.watermark)) == CHANGED + timedelta(hours=1)


def test_a_clock_that_is_ahead_moves_no_watermark_beyond_now(ledger: Ledger) -> None:
    with ledger.transaction() as conn:
        staging.lock_source(conn, "s")
        staging.move_watermark(conn, "s", datetime.now(UTC) + timedelta(days=365))
        found = staging.watermark(conn, "s")
    assert found is not None
    assert found <= datetime.now(UTC)
