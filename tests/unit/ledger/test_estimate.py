"""How long rows take at the measured latency, cap and rate limit."""

from __future__ import annotations

from collections import Counter

import pytest

from kombo_provider.ledger import Hold, LaneState, dry_run, estimate, lane_states, now
from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger.estimate import RATE_PER_HOUR
from tests.unit.ledger.book import SELECTION, STAGING, VALID, Book


def _measured(book: Book, integration_id: str, p50_ms: int, cap: int) -> None:
    key = {"source": "s", "dag_id": "d", "run_id": "r", "integration_id": integration_id, "kombo_conn_id": "k"}
    with book.ledger.transaction() as conn:
        conn.execute(runs.insert().values(**key, p50_ms=p50_ms, ended_at=now(conn)))
        lane_states.set_state(conn, "k", integration_id, LaneState.OPEN)
        lane_states.see_cap(conn, "k", integration_id, cap)


def test_hours_follow_from_latency_and_cap_and_never_pass_the_rate_limit(book: Book) -> None:
    _measured(book, "slow", 7_000, 10)
    _measured(book, "quick", 10, 30)
    rows = {"slow": 3_600, "quick": 2 * RATE_PER_HOUR, "new": 5}
    with book.ledger.transaction() as conn:
        hours = estimate.hours(conn, "k", rows, max_in_flight=30)
    assert hours["slow"] == pytest.approx(0.7)
    assert hours["quick"] == pytest.approx(2.0)
    assert hours["new"] is None


def test_all_lanes_side_by_side_take_as_long_as_the_longest_or_as_the_rate_limit_lets_them(book: Book) -> None:
    _measured(book, "slow", 7_000, 10)
    _measured(book, "quick", 10, 30)
    counts = Counter({("slow", "to_send"): 3_600, ("quick", "to_send"): 2 * RATE_PER_HOUR, ("new", "invalid"): 5})
    with book.ledger.transaction() as conn:
        foreseen = estimate.foresee(conn, "k", counts)
        unknown = estimate.foresee(conn, "k", counts + Counter({("new", "to_send"): 1}))
    assert foreseen["slow"].in_words() == "3600 (0.7 h)"
    assert foreseen["new"].in_words() == "0 (5 invalid)"
    assert estimate.in_all(foreseen).hours == pytest.approx(2.2)
    assert estimate.in_all(foreseen).invalid == 5
    assert estimate.in_all(unknown).hours is None


def test_held_rows_and_a_dry_run_are_counted_with_those_delivered_to_another_integration(book: Book) -> None:
    elsewhere = VALID.but(integration_id="lever:b")
    book.deliver("1", "2")
    book.stage(elsewhere, elsewhere.but(applicant_id="3"), hold=Hold.APPROVAL)
    book.claim(1, lane="lever:b")
    with book.ledger.transaction() as conn:
        dry_run.rehearse(conn, STAGING, [elsewhere.but(applicant_id="2"), VALID, VALID.but(applicant_id="9")])
        held = estimate.foresee(conn, "k", estimate.count_held(conn, SELECTION, Hold.APPROVAL))
        dry = estimate.foresee(conn, "k", estimate.count_dry_run(conn, STAGING.source))
    assert held["lever:b"][:3] == (2, 0, 1)
    assert held["lever:b"].in_words() == "2 (1 delivered to another integration already)"
    assert dry["lever:b"][:3] == (1, 0, 1)
    assert dry["greenhouse:a"][:3] == (1, 1, 0)
