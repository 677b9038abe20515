"""Who waits for a lane, and for whom it is kept."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from kombo_provider.ledger import lane_wishes, leases
from kombo_provider.ledger._tables import lanes
from kombo_provider.ledger._wishes import WISH
from kombo_provider.ledger.lane_states import statuses
from kombo_provider.ledger.leases import Lease
from kombo_provider.ledger.ledger import now
from kombo_provider.ledger.selection import Selection
from tests.unit.ledger.book import RUN, SELECTION, VALID, Book

CONN, LANE = "kombo_default", "greenhouse:a"


def _wish(book: Book, holder: str = "waiter", selection: Selection = SELECTION) -> bool:
    with book.ledger.transaction() as conn:
        return lane_wishes.note(conn, selection, LANE, holder)


def _acquire(book: Book, holder: str, serves: str | None = None) -> Lease | None:
    with book.ledger.transaction() as conn:
        return leases.acquire(conn, CONN, LANE, holder, RUN, serves=serves)


def _wanted_by(book: Book) -> str | None:
    with book.ledger.transaction() as conn:
        wish = statuses(conn, CONN, [LANE])[LANE].wish
    return wish.holder if wish else None


def test_a_lane_that_was_given_back_is_kept_for_whom_it_was_wished(book: Book) -> None:
    book.stage(VALID)
    held = _acquire(book, "backfill")
    assert held
    assert _wish(book)
    assert _wanted_by(book) == "waiter"
    with book.ledger.transaction() as conn:
        leases.release(conn, held, "backfill")
    assert _acquire(book, "backfill") is None
    assert _acquire(book, "waiter")
    assert _wanted_by(book) is None, "a wish that is granted ends"


def test_any_run_that_sends_all_rows_of_the_source_grants_the_wish(book: Book) -> None:
    book.stage(VALID)
    _wish(book)
    assert _acquire(book, "another run", serves="another source") is None
    assert _acquire(book, "another run", serves=SELECTION.source)


def test_a_waiter_that_died_keeps_the_lane_from_nobody_for_long(book: Book) -> None:
    book.stage(VALID)
    _wish(book)
    for until in (-timedelta(seconds=1), 3 * WISH):
        with book.ledger.transaction() as conn:
            conn.execute(update(lanes).values(lease_holder=None, wanted_by="waiter", wanted_until=now(conn) + until))
        assert _acquire(book, "backfill"), "no wish ends so late: a wrong clock wrote it"


def test_who_does_not_wait_any_more_withdraws_his_own_wish_alone(book: Book) -> None:
    book.stage(VALID)
    _wish(book)
    for holder, wanted_by in (("another", "waiter"), ("waiter", None)):
        with book.ledger.transaction() as conn:
            lane_wishes.withdraw(conn, CONN, LANE, holder)
        assert _wanted_by(book) == wanted_by


def test_only_ordinary_rows_that_are_due_are_a_reason_to_wish(book: Book) -> None:
    book.stage(VALID, backfill=True)
    assert not _wish(book)
    assert _wanted_by(book) is None
    book.stage(VALID.but(applicant_id="2"))
    assert _wish(book)
    book.set("2", hold="approval")
    assert not _wish(book)
    assert _wanted_by(book) is None, "it is taken back"


def test_the_first_of_several_wishes_stands(book: Book) -> None:
    book.stage(VALID)
    assert _wish(book, "first")
    assert not _wish(book, "second")
    assert _wanted_by(book) == "first"


def test_a_holder_that_sends_ordinary_rows_itself_will_not_give_the_lane_back_soon(book: Book) -> None:
    book.stage(VALID, VALID.but(applicant_id="2"))
    _acquire(book, "ordinary")
    book.claim(1)
    assert not _wish(book)
    assert _wanted_by(book) == "waiter"
