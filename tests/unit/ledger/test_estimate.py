"""How long rows take at the measured latency, cap and rate limit."""

from __future__ import annotations

import pytest

from kombo_provider.ledger import LaneState, estimate, lane_states, now
from kombo_provider.ledger._run_tables import runs
from kombo_provider.ledger.estimate import RATE_PER_HOUR
from tests.unit.ledger.book import Book


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
    assert estimate.hours_in_all(hours, 5) is None
    del hours["new"]
    assert estimate.hours_in_all(hours, 3_600 + 2 * RATE_PER_HOUR) == pytest.approx(2.2)
