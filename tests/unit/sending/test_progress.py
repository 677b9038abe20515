"""The line of a running task says how far it is, how fast, and how Kombo answers."""

from __future__ import annotations

from kombo_provider.client import Outcome, OutcomeClass
from kombo_provider.ledger import Status
from kombo_provider.sending.progress import Progress


def answered(seconds: float, http_status: int | None = 200) -> Outcome:
    return Outcome(OutcomeClass.EXECUTED, http_status, duration_seconds=seconds)


def test_a_line_says_how_far_how_fast_and_how_kombo_answers() -> None:
    now = 0.0
    progress = Progress(lambda: now, total=200)
    progress.on_wire(30)
    progress.on_wire(7)
    for tenths in range(1, 101):
        progress.count(Status.DELIVERED, answered(tenths / 10))
    progress.count(Status.READY, answered(1.0, 429))
    progress.count(Status.IN_DOUBT, answered(300.0, None))
    now = 20.0
    assert progress.line() == (
        "100 delivered, 0 failed, 1 in doubt, 99 left; 5.0 rows/s, about 20 s left; "
        "latency p50 5.0 s, p95 9.5 s, 30 in flight at most, 1 answers 429"
    )


def test_a_line_before_the_first_answer_invents_no_figures() -> None:
    now = 0.0
    progress = Progress(lambda: now, total=3)
    now = 30.0
    assert progress.line() == (
        "0 delivered, 0 failed, 0 in doubt, 3 left; 0.0 rows/s, no estimate yet; 0 in flight at most, 0 answers 429"
    )
