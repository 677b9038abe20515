"""What the demo says at its end, and when it counts as failed."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from include.demo.books import Counts
from include.demo.environment import PROJECT, SOURCE
from include.demo.progress import Progress
from include.demo.summary import Outcome, contradictions, result_lines

WELL = Outcome(
    rows=500,
    rows_without_key=1,
    not_in_ledger=0,
    counts=Counts({"delivered": 490, "invalid": 9}, {"delivered": 490, "invalid": 0}),
    written_back=490,
    created=490,
    created_twice=0,
    report={
        "extracted": {"extracted": 500, "new": 490, "already_known": 0, "invalid": 9, "without_key": 1},
        "rows_per_second": 40.4,
        "latency_ms": {"p50": 700, "p95": 1150},
        "peak_in_flight": {"greenhouse:x": 30},
    },
)


def counted(**statuses: int) -> Counts:
    return Counts({"delivered": 490, "invalid": 9} | statuses, {"delivered": 490} | statuses)


def test_a_run_that_adds_up_has_no_contradictions() -> None:
    assert contradictions(WELL) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (replace(WELL, not_in_ledger=3), "3 rows of the table applicants are not in the ledger."),
        (replace(WELL, counts=counted(ready=4)), "4 deliveries are still ready."),
        (replace(WELL, counts=counted(sending=1)), "1 deliveries are still sending."),
        (replace(WELL, counts=counted(in_doubt=2)), "This run has put 2 deliveries in doubt."),
        (replace(WELL, created=491), "The ledger says 490 delivered, the sandbox 491 created."),
        (replace(WELL, created_twice=1), "The sandbox has 1 applications twice."),
        (replace(WELL, written_back=489), "Of 490 delivered rows only 489 hold their ids."),
        (replace(WELL, report=WELL.report | {"extracted": {"extracted": 9, "new": 8}}), "The run read 9 rows"),
    ],
)
def test_each_contradiction_is_said(wrong: Outcome, said: str) -> None:
    assert any(line.startswith(said) for line in contradictions(wrong))


def test_a_doubt_of_an_earlier_run_is_shown_and_is_no_contradiction() -> None:
    counts = Counts({"delivered": 488, "invalid": 9, "in_doubt": 2}, {"delivered": 100, "in_doubt": 0})
    outcome = replace(WELL, counts=counts, written_back=488, created=489)
    assert contradictions(outcome) == []
    assert any("2 in doubt" in line for line in result_lines(outcome))


def test_a_second_run_says_that_nothing_was_sent() -> None:
    again = replace(WELL, counts=Counts({"delivered": 490, "invalid": 9}, {"delivered": 0, "invalid": 0}))
    assert "  490 delivered: 0 sent by this run, 490 known from earlier runs" in result_lines(again)


def test_the_demo_reads_the_source_that_its_dag_writes() -> None:
    assert f'source="{SOURCE}"' in (PROJECT / "dags/kombo_push_applicants.py").read_text()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_shows_rate_and_time_left() -> None:
    out, now = Terminal(), 100.0
    progress = Progress(out, clock=lambda: now)
    progress.show("deliver", 0, 400)
    now = 101.0
    progress.show("deliver", 100, 400)
    now = 103.0
    progress.show("deliver", 200, 400)
    assert out.getvalue().endswith("deliver     [###############...............] 200/400  50/s  4 s left")


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    out, now = io.StringIO(), 0.0
    progress = Progress(out, clock=lambda: now)
    for second in range(10):
        now = float(second)
        progress.show("deliver", 10 * second, 100)
    progress.show("report", 100, 100)
    lines = out.getvalue().splitlines()
    assert lines[0].split() == ["deliver", "0/100"]
    assert [line.split()[1] for line in lines] == ["0/100", "30/100", "60/100", "90/100", "100/100"]
