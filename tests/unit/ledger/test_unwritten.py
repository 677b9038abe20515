"""Which deliveries wait for their write-back, range by range."""

from __future__ import annotations

from sqlalchemy import select

from kombo_provider.ledger import Ledger, unwritten
from kombo_provider.ledger.unwritten import Range
from tests.unit.ledger.book import RUN, Book

SOURCE = "crm.applicants"
LANE = "greenhouse:a"


def test_the_ranges_hold_all_that_wait_in_the_order_of_their_keys(ledger: Ledger) -> None:
    Book(ledger).deliver("1", "2", "3", "4", "5")
    with ledger.transaction() as conn:
        first = unwritten.next_range(conn, SOURCE, None, 3)
        assert first == Range(SOURCE, (LANE, "1"), (LANE, "3"))
        second = unwritten.next_range(conn, SOURCE, first.last, 3)
        assert second == Range(SOURCE, (LANE, "4"), (LANE, "5"))
        assert unwritten.next_range(conn, SOURCE, second.last, 3) is None
        assert first.is_of_one_integration


def test_a_range_holds_neither_what_is_written_nor_what_was_missed(ledger: Ledger) -> None:
    book = Book(ledger)
    book.deliver("1", "2", "3")
    book.set("2", missed_by=f"{RUN.dag_id} {RUN.run_id}")
    keys = Range(SOURCE, (LANE, "1"), (LANE, "3"))
    with ledger.transaction() as conn:
        waiting = unwritten.rows(ledger.dialect, keys)
        assert list(conn.scalars(select(waiting.c.applicant_id).order_by(waiting.c.applicant_id))) == ["1", "3"]
        third = select(waiting.c.place).where(waiting.c.applicant_id == "3")
        assert conn.execute(unwritten.note(conn, third)).rowcount == 1
        assert conn.execute(unwritten.note_all(conn, keys)).rowcount == 1
    assert book.row("2")["written_back_at"] is None
    assert book.row("3")["written_back_at"] is not None
