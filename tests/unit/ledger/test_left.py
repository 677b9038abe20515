"""What the next run is begun for: due rows on open lanes that got an answer in this one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kombo_provider.ledger import EVERYWHERE, LaneState, Status, lane_states, left
from kombo_provider.ledger.status import RunRef
from tests.unit.ledger.book import RUN, SELECTION, VALID, Book

A, B = "greenhouse:a", "lever:b"


def _goes_on(book: Book, run: RunRef = RUN) -> dict[str, int]:
    with book.ledger.transaction() as conn:
        return left.goes_on(conn, SELECTION, run, [A, B])


def _answered_on_a(book: Book) -> None:
    """Two lanes with rows; one of them answers."""
    book.stage(*(VALID.but(applicant_id=str(number), integration_id=lane) for lane in (A, B) for number in range(3)))
    (intent,) = book.claim(1)
    book.record(intent, Status.REJECTED, http_status=400)


def _set(book: Book, state: LaneState, integration_id: str, until: datetime | None = None) -> None:
    with book.ledger.transaction() as conn:
        lane_states.set_state(conn, SELECTION.kombo_conn_id, integration_id, state, paused_until=until)


def test_only_lanes_that_got_an_answer_in_this_run_go_on(book: Book) -> None:
    _answered_on_a(book)
    assert _goes_on(book) == {A: 2}
    assert _goes_on(book, RunRef("kombo_push", "another")) == {}


def test_a_lane_that_is_paused_by_itself_does_not_go_on(book: Book) -> None:
    _answered_on_a(book)
    for state in (LaneState.PAUSED, LaneState.BLOCKED, LaneState.STOPPED):
        _set(book, state, A)
        assert _goes_on(book) == {}


def test_a_lane_goes_on_where_its_connection_only_waits_for_its_rate_limit(book: Book) -> None:
    _answered_on_a(book)
    _set(book, LaneState.PAUSED, EVERYWHERE, datetime.now(UTC) + timedelta(seconds=30))
    assert _goes_on(book) == {A: 2}
    _set(book, LaneState.DRAINED, EVERYWHERE)
    assert _goes_on(book) == {}


def test_without_due_rows_nothing_goes_on(book: Book) -> None:
    assert _goes_on(book) == {}
