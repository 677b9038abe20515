"""Held rows: no claim of any run takes them, and nobody waits for them."""

from __future__ import annotations

from sqlalchemy import Connection

from kombo_provider.ledger import claims, holds
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.status import Hold, RunRef
from tests.unit.ledger.book import RUN, SELECTION, STAGING, VALID, Book, Row

OLDER_RUN = RunRef("kombo_push", "scheduled__0")
LEVER = VALID.but(integration_id="lever:b", applicant_id="9")


def _rows(count: int) -> list[Row]:
    return [VALID.but(applicant_id=str(number)) for number in range(count)]


def _counts(conn: Connection, selection: Selection = SELECTION) -> dict[tuple[str, Hold], int]:
    return {(found.integration_id, found.hold): found.rows for found in holds.held(conn, selection)}


def test_clearing_an_older_runs_deliver_sends_nothing_that_waits_for_approval(book: Book) -> None:
    book.stage(*_rows(5), hold=Hold.APPROVAL)
    assert book.claim(run=OLDER_RUN) == []
    assert book.statuses() == {"ready": 5}


def test_nobody_waits_for_rows_that_are_held(book: Book) -> None:
    book.stage(*_rows(2), hold=Hold.APPROVAL)
    with book.ledger.transaction() as conn:
        assert claims.count_ready(conn, SELECTION) == {}
        assert claims.next_due(conn, SELECTION, ["greenhouse:a"]) is None
        claims.adopt(conn, SELECTION, [], 10, OLDER_RUN)
    assert book.row("0")["run_id"] == RUN.run_id


def test_what_one_customer_has_too_much_of_does_not_stop_another(book: Book) -> None:
    book.stage(*_rows(3), LEVER, hold=Hold.APPROVAL)
    with book.ledger.transaction() as conn:
        assert _counts(conn) == {("greenhouse:a", Hold.APPROVAL): 3, ("lever:b", Hold.APPROVAL): 1}
        assert holds.release(conn, SELECTION, Hold.APPROVAL, ["lever:b"]) == 1
        assert _counts(conn) == {("greenhouse:a", Hold.APPROVAL): 3}
    assert (len(book.claim()), len(book.claim(lane="lever:b"))) == (0, 1)


def test_a_held_row_that_changes_stays_held_and_an_approved_one_stays_approved(book: Book) -> None:
    book.stage(*_rows(2), hold=Hold.APPROVAL)
    with book.ledger.transaction() as conn:
        holds.release(conn, Selection(STAGING.source, STAGING.kombo_conn_id, applicant_ids=("1",)), Hold.APPROVAL)
    changed = [row.but(payload_sha256="hash-2") for row in _rows(2)]
    book.stage(changed[0])
    book.stage(changed[1], hold=Hold.APPROVAL)
    assert [intent.key.applicant_id for intent in book.claim()] == ["1"]


def test_a_row_whose_target_has_an_id_is_held_for_that_and_no_approval_lets_it_go(book: Book) -> None:
    book.stage(*_rows(2), hold=Hold.APPROVAL)
    with book.ledger.transaction() as conn:
        keys = [("greenhouse:a", "1"), ("lever:b", "1")]
        assert holds.put_on_hold(conn, STAGING.source, keys, Hold.HAS_ID) == {("greenhouse:a", "1")}
        assert holds.held_keys(conn, SELECTION, Hold.HAS_ID, 10) == [("greenhouse:a", "1")]
        assert holds.release(conn, SELECTION, Hold.APPROVAL) == 1
    assert [intent.key.applicant_id for intent in book.claim()] == ["0"]


def test_a_row_on_the_wire_is_not_held(book: Book) -> None:
    book.stage(VALID)
    book.claim()
    with book.ledger.transaction() as conn:
        assert holds.put_on_hold(conn, STAGING.source, [("greenhouse:a", "1")], Hold.HAS_ID) == set()


def test_a_held_row_that_is_withdrawn_and_comes_back_is_no_longer_held(book: Book) -> None:
    book.stage(VALID, hold=Hold.APPROVAL)
    book.stage(VALID.but(withdrawn=True))
    assert book.row()["hold"] is None
    book.stage(VALID)
    assert len(book.claim()) == 1
