"""When a run is red: judged as a whole and for each integration, and only by what failed for the first time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from kombo_provider.errors import IncompleteRunError
from kombo_provider.ledger import RunRef
from kombo_provider.ledger.staging import COUNTERS
from kombo_provider.report.numbers import RunReport
from kombo_provider.report.verdict import Limits, verdict

A, B = "greenhouse:a", "lever:b"
NOTHING = dict.fromkeys(("extracted", *COUNTERS), 0)


def report(statuses: dict[str, dict[str, int]], **fields: Any) -> RunReport:
    """Return a report of which only some fields are filled."""
    refused = {
        name: Counter({kind: counts[kind] for kind in ("invalid", "rejected") if kind in counts})
        for name, counts in statuses.items()
    }
    empty: dict[str, Any] = {
        "run": RunRef("push", "now"),
        "kombo_conn_id": "kombo_default",
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "extracted": NOTHING,
        "errors": [],
        "open_issues": [],
        "requests": 0,
        "rows_per_second": 0.0,
        "p50_ms": None,
        "p95_ms": None,
        "answers_429": 0,
        "peak_in_flight": {},
        "new_failures": {name: +kinds for name, kinds in refused.items() if +kinds},
    }
    return RunReport(statuses=statuses, **(empty | fields))


def complaint(found: RunReport, limits: Limits | None = None) -> str | None:
    """Return what the verdict says; None where the run is green."""
    try:
        verdict(found, limits or Limits())
    except IncompleteRunError as exc:
        return str(exc)
    return None


@pytest.mark.parametrize("rows", [1, 5, 2000])
def test_a_run_none_of_whose_new_rows_is_delivered_is_red_however_few_they_are(rows: int) -> None:
    said = complaint(report({A: {"rejected": rows}}))
    assert said is not None
    assert f"{rows} rejected" in said


@pytest.mark.parametrize(
    ("failed", "delivered", "green"), [(5, 5, True), (6, 6, False), (6, 114, True), (6, 113, False)]
)
def test_it_takes_more_than_the_number_and_more_than_the_share(failed: int, delivered: int, green: bool) -> None:
    assert (complaint(report({A: {"invalid": failed, "delivered": delivered}})) is None) == green


@pytest.mark.parametrize("share", [0, 1])
def test_the_ends_of_the_share_mean_any_and_all(share: float) -> None:
    found = report({A: {"invalid": 6, "delivered": 600}})
    assert (complaint(found, Limits(share, 5)) is None) == (share == 1)


def test_one_broken_customer_is_not_outvoted_by_the_healthy_ones() -> None:
    said = complaint(report({A: {"delivered": 10_000}, B: {"rejected": 3}}))
    assert said is not None
    assert f"{B}: none of 3 rows was delivered: 3 rejected." in said
    assert A not in said


@pytest.mark.parametrize("kind", ["without_key", "duplicate", "missed"])
def test_rows_without_key_duplicates_and_missed_ones_count_like_refused_ones(kind: str) -> None:
    said = complaint(report({A: {"delivered": 10}}, new_failures={A: Counter({kind: 6})}))
    assert said is not None
    assert f"6 {kind.replace('_', ' ')}" in said


def test_rows_of_no_integration_count_for_the_run() -> None:
    said = complaint(report({}, new_failures={"": Counter(without_key=1)}))
    assert said is not None
    assert "None of 1 rows was delivered: 1 without key." in said


def test_rows_left_held_or_snoozed_are_no_failure_and_neither_is_a_quiet_run() -> None:
    assert complaint(report({A: {"delivered": 1, "left": 5, "held": 9}, B: {"snoozed": 3}})) is None
    assert complaint(report({})) is None


@pytest.mark.parametrize(("status", "do"), [("ready", "run the DAG again"), ("in_doubt", "may be at Kombo")])
def test_a_row_that_waits_or_is_in_doubt_makes_it_red_and_only_its_own_advice_is_given(status: str, do: str) -> None:
    said = complaint(report({A: {"delivered": 5, status: 1}}))
    assert said is not None
    assert f"Not delivered: 1 {status}" in said
    assert do in said
    assert ("ready rows" in said) == (status == "ready")


def test_rows_that_some_earlier_tool_had_sent_are_no_delivery_and_withdrawn_ones_no_row() -> None:
    said = complaint(report({A: {"delivered": 100, "invalid": 1, "cancelled": 7}}, imported={A: 100}))
    assert said is not None
    assert "None of 1 rows was delivered: 1 invalid" in said


def test_a_thousand_broken_customers_are_not_all_named() -> None:
    said = complaint(report({f"lever:{number}": {"rejected": 1} for number in range(1000)}))
    assert said is not None
    assert "And 990 more integrations." in said
    assert len(said) < 1500


def test_rows_that_a_failed_stage_read_are_no_bug() -> None:
    read = NOTHING | {"extracted": 5, "new": 2}
    said = complaint(report({}, extracted=read, failed_tasks=["stage"])) or ""
    assert "3 rows were read, but not staged" in said
    assert "bug" not in said
    assert "3 extracted rows are not accounted for" in (complaint(report({}, extracted=read)) or "")


@pytest.mark.parametrize(("missing", "red"), [(2, True), (1, False)])
def test_a_run_that_found_nothing_of_what_it_was_asked_for_is_red(missing: int, red: bool) -> None:
    said = complaint(report({A: {"delivered": 1}}, not_found={"applicant_ids": (missing, 2)}))
    assert (said is not None and "Nothing was found for applicant_ids: 2 asked for." in said) == red
