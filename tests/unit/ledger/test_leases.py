"""Who may send on a lane, for how long, and what its last holder left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from kombo_provider.ledger import _tables, doubts, lane_states, leases
from kombo_provider.ledger.leases import LEASE_SECONDS, Lease, Turn
from kombo_provider.ledger.ledger import Ledger, now
from kombo_provider.ledger.status import LaneState, Status
from tests.unit.ledger.book import GRACE, VALID, Book

CONN, LANE = "kombo_default", "greenhouse:a"


def _expire(book: Book) -> None:
    with book.ledger.transaction() as conn:
        conn.execute(update(_tables.lanes).values(lease_expires_at=now(conn) - timedelta(seconds=1)))


def _renew(book: Book, lease: Lease | None, holder: str = "task-1") -> list[Lease]:
    assert lease
    with book.ledger.transaction() as conn:
        return leases.renew(conn, [lease], holder)


def test_a_lane_has_one_holder_until_its_lease_ends(book: Book) -> None:
    lease = book.acquire()
    assert lease
    assert lease.epoch == 1
    assert book.acquire("task-2") is None
    assert book.acquire("task-2", "lever:b"), "other lanes are free"
    _expire(book)
    taken = book.acquire("task-2")
    assert taken
    assert taken.epoch == 2


def test_the_lease_ends_by_the_database_s_clock(book: Book) -> None:
    with book.ledger.transaction() as conn:
        began = now(conn)
    lease = book.acquire()
    assert lease
    assert timedelta(0) <= lease.expires_at - began - timedelta(seconds=LEASE_SECONDS) < timedelta(seconds=20)
    assert lease.expires_at.tzinfo is UTC


def test_the_same_holder_s_next_try_takes_over_at_once(book: Book) -> None:
    first = book.acquire("task-1")
    second = book.acquire("task-1")
    assert first
    assert second
    assert second.epoch == first.epoch + 1
    assert _renew(book, first) == [first], "the try before is fenced off"
    assert _renew(book, second) == []


def test_a_holder_that_slept_finds_its_lease_lost(book: Book) -> None:
    lease = book.acquire("task-1")
    _expire(book)
    assert _renew(book, lease) == [], "nobody took it: it may go on"
    _expire(book)
    book.acquire("task-2")
    assert _renew(book, lease) == [lease]
    assert _renew(book, None if lease is None else Lease(CONN, "lever:none", 1, lease.expires_at)) != []


def test_renewing_extends_the_lease_and_none_is_no_work(book: Book) -> None:
    lease = book.acquire()
    _expire(book)
    _renew(book, lease)
    assert book.acquire("task-2") is None
    with book.ledger.transaction() as conn:
        assert leases.renew(conn, [], "task-1") == []


def test_a_lane_given_back_is_free_and_giving_back_late_harms_nobody(book: Book) -> None:
    first = book.acquire("task-1")
    assert first
    with book.ledger.transaction() as conn:
        leases.release(conn, first, "task-1")
    second = book.acquire("task-2")
    assert second
    with book.ledger.transaction() as conn:
        leases.release(conn, first, "task-1")
    assert book.acquire("task-3") is None
    assert second.epoch == 2


def test_what_a_dead_holder_left_on_the_wire_is_in_doubt(book: Book) -> None:
    book.stage(VALID, VALID.but(applicant_id="2"), VALID.but(applicant_id="3", integration_id="lever:b"))
    book.acquire("task-1")
    book.claim(1)
    sent_at = book.row("1")["sent_at"]
    _expire(book)
    lease = book.acquire("task-2")
    assert lease
    assert lease.possibly_executing_since == (sent_at,)
    assert book.statuses() == {"in_doubt": 1, "ready": 2}
    assert book.row("1")["error_title"] == leases.HOLDER_DIED
    assert book.moves("1") == [("ready", "sending"), ("sending", "in_doubt")]


def test_what_a_dead_holder_left_is_put_in_doubt_though_nobody_sends_on_its_lane_again(book: Book) -> None:
    book.stage(VALID, VALID.but(applicant_id="2", integration_id="lever:b"))
    lease = book.acquire("task-1")
    book.acquire("task-2", "lever:b")
    book.claim()
    book.claim(lane="lever:b")
    with book.ledger.transaction() as conn:
        assert leases.sweep(conn) == 0, "both leases last"
        of_lane = update(_tables.lanes).where(_tables.lanes.c.integration_id == LANE)
        conn.execute(of_lane.values(lease_expires_at=now(conn) - timedelta(seconds=1)))
    with book.ledger.transaction() as conn:
        assert leases.sweep(conn) == 1
        assert leases.sweep(conn) == 0
    assert (book.row("1")["status"], book.row("2", "lever:b")["status"]) == ("in_doubt", "sending")
    assert book.moves("1") == [("ready", "sending"), ("sending", "in_doubt")]
    assert _renew(book, lease) == [lease], "should it only have slept, it finds out"


def test_a_drain_waits_for_the_transaction_that_read_that_rows_may_leave(
    book: Book, open_ledger: Callable[[], Ledger]
) -> None:
    book.acquire("task-1")
    drained = threading.Event()

    def drain(ledger: Ledger) -> None:
        with ledger.transaction() as conn:
            lane_states.drain(conn)
        drained.set()

    thread = threading.Thread(target=drain, args=(open_ledger(),))
    with book.ledger.transaction() as conn:
        lane_states.hold_off_drain(conn)
        thread.start()
        assert not drained.wait(0.3)
    thread.join(60)
    assert drained.is_set()


def test_one_of_many_gets_the_lane(book: Book, open_ledger: Callable[[], Ledger]) -> None:
    got: list[str] = []
    ready = threading.Barrier(4)

    def take(name: str, ledger: Ledger) -> None:
        ready.wait()
        if Book(ledger).acquire(name):
            got.append(name)

    threads = [threading.Thread(target=take, args=(f"task-{n}", open_ledger())) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == 1


def test_a_state_keeps_lease_environment_and_cap(book: Book) -> None:
    lease = book.acquire()
    with book.ledger.transaction() as conn:
        lane_states.bind_environment(conn, CONN, LANE, "env-1")
        lane_states.see_cap(conn, CONN, LANE, 12)
        lane_states.set_state(conn, CONN, LANE, LaneState.BLOCKED, code="X")
        row = conn.execute(select(_tables.lanes)).mappings().one()
    assert (row["environment_id"], row["cap_seen"], row["lease_holder"], row["state"]) == (
        "env-1",
        12,
        "task-1",
        "blocked",
    )
    assert row["since"] is not None
    assert _renew(book, lease) == []


@pytest.mark.parametrize("decision", ["they were sent", "give up", "send again", "nothing"])
def test_what_may_still_execute_counts_whatever_a_person_has_decided(book: Book, decision: str) -> None:
    book.stage(VALID, VALID.but(applicant_id="2"))
    assert book.acquire()
    book.claim()
    _end_lease(book)
    assert book.acquire("task-2")
    _end_lease(book)
    with book.ledger.transaction() as conn:
        asked = doubts.in_doubt(conn, "crm.applicants")
        if decision == "they were sent":
            doubts.settle_as_sent(conn, asked, GRACE)
        elif decision == "give up":
            doubts.give_up(conn, asked, GRACE)
        elif decision == "send again":
            doubts.order_resend(conn, asked, timedelta(seconds=300), GRACE)

    lease = book.acquire("task-3")

    assert lease is not None
    assert len(lease.possibly_executing_since) == 2


def test_a_row_whose_answer_came_does_not_count_as_executing(book: Book) -> None:
    book.stage(VALID)
    assert book.acquire()
    book.record(book.claim()[0], Status.READY, http_status=429)
    _end_lease(book)

    lease = book.acquire("task-2")

    assert lease is not None
    assert lease.possibly_executing_since == ()


def test_a_lease_of_a_clock_that_was_ahead_is_not_believed(book: Book) -> None:
    assert book.acquire("task-1")
    with book.ledger.transaction() as conn:
        conn.execute(_tables.lanes.update().values(lease_expires_at=datetime.now(UTC) + timedelta(days=30)))

    assert book.acquire("task-2")


def _end_lease(book: Book) -> None:
    with book.ledger.transaction() as conn:
        conn.execute(_tables.lanes.update().values(lease_expires_at=None))


def test_a_task_has_its_shortest_turn_on_a_lane_once_and_another_try_only_what_is_left_of_it(book: Book) -> None:
    late = Turn(10.0, at_least=300.0)
    first = book.acquire("task-1", turn=late)
    assert first
    assert first.turn_seconds == 300.0
    again = book.acquire("task-1", turn=late)
    assert again
    assert again.turn_seconds == pytest.approx(300.0, abs=60.0)
    with book.ledger.transaction() as conn:
        conn.execute(update(_tables.lanes).values(turn_ends_at=now(conn) - timedelta(seconds=1)))
    over = book.acquire("task-1", turn=late)
    assert over
    assert over.turn_seconds == 10.0, "else each failure would lengthen the run"
    with book.ledger.transaction() as conn:
        assert leases.release(conn, over, "task-1")
    other = book.acquire("task-2", turn=late)
    assert other
    assert other.turn_seconds == 300.0


def test_a_task_of_a_run_that_was_cleared_has_its_shortest_turn_anew(book: Book) -> None:
    assert book.acquire("task-1", turn=Turn(0.0, at_least=300.0))
    with book.ledger.transaction() as conn:
        conn.execute(update(_tables.lanes).values(turn_ends_at=now(conn) - timedelta(hours=2)))
    over = book.acquire("task-1", turn=Turn(0.0, at_least=300.0))
    cleared = book.acquire("task-1", turn=Turn(0.0, at_least=300.0, clear_number=1))
    again = book.acquire("task-1", turn=Turn(0.0, at_least=300.0, clear_number=1))
    assert over
    assert cleared
    assert again
    assert (over.turn_seconds, cleared.turn_seconds) == (0.0, 300.0)
    assert again.turn_seconds == pytest.approx(300.0, abs=60.0)


def test_who_asks_in_vain_learns_when_the_holder_s_turn_ends_if_it_told(book: Book) -> None:
    def held() -> leases.HeldTurn | None:
        with book.ledger.transaction() as conn:
            return leases.held_turn(conn, CONN, LANE)

    lease = book.acquire("task-1", turn=Turn(600.0))
    assert book.acquire("task-2") is None
    found = held()
    assert found
    assert found.ends_in_seconds == pytest.approx(600.0, abs=60.0)
    assert found.lease_seconds <= LEASE_SECONDS
    with book.ledger.transaction() as conn:
        conn.execute(update(_tables.lanes).values(lease_holder="a task of an older release"))
    assert held() is None, "the turn noted is another's"
    _expire(book)
    assert held() is None
    assert lease
