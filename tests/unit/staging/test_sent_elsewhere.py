"""Rows whose target has an application id that no delivery bears: held, counted and named, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import create_engine

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger
from tests.unit.staging.people import Source


@pytest.fixture
def source(database_url: str) -> Iterator[Source]:
    engine = create_engine(database_url, **ENGINE_OPTIONS)
    ledger = Ledger(create_engine(database_url, **ENGINE_OPTIONS))
    ledger.ensure()
    source = Source(engine, ledger)
    source.add(range(2), "ats:a")
    source.give_target()
    source.run("ALTER TABLE people ADD COLUMN sent TEXT")
    source.stage(run="first")
    yield source
    ledger.close()
    engine.dispose()


def test_rows_that_an_earlier_tool_sent_are_neither_counted_nor_named_as_held(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.add(range(10, 17), "ats:a")
    source.run("UPDATE people SET sent = 'true', kombo_application_id = 'app-' || id WHERE id >= 10")
    source.add(range(20, 21), "ats:a")
    source.has_id(20, "made-by-another-tool")

    report = source.stage(more="sent AS already_sent")

    assert (report.counts["imported"], report.counts["new"], report.counts["held"]) == (7, 0, 1)
    of_integration = {name: rows for (_, name), rows in report.by_integration.items() if rows}
    assert of_integration == {"already_known": 2, "imported": 7, "held": 1}
    assert "such as 20 of ats:a:" in caplog.text


def test_rows_that_an_earlier_tool_sent_hide_none_of_those_that_wait_for_approval(source: Source) -> None:
    source.add(range(10, 13), "ats:a")
    source.run("UPDATE people SET sent = 'true', kombo_application_id = 'app-' || id WHERE id >= 10")
    source.add(range(20, 25), "ats:a")
    counts = source.stage(more="sent AS already_sent").counts
    assert (counts["imported"], counts["new"], counts["held"]) == (3, 0, 5)


def _hold_one(source: Source) -> None:
    source.add(range(7, 8), "ats:a")
    source.has_id(7, "stray")
    source.stage()
    assert source.holds() == [("0", None), ("1", None), ("7", "has_id")]


@pytest.mark.parametrize("is_read_again", [True, False])
def test_a_row_whose_stray_id_was_emptied_waits_for_approval_and_is_sent_then(
    source: Source, *, is_read_again: bool
) -> None:
    _hold_one(source)
    source.run("UPDATE people SET kombo_application_id = NULL WHERE id = 7")
    if not is_read_again:
        source.add(range(8, 9), "ats:a", "2026-03-09 10:00:00")
    source.stage(lookback=timedelta(0))
    assert ("7", "approval") in source.holds()
    report = source.stage(lookback=timedelta(0), confirm_rows=1)
    assert ("7", None) in source.holds()
    assert sum(report.ready.values()) == len(source.holds())


def test_a_row_whose_stray_id_is_there_still_stays_held(source: Source) -> None:
    _hold_one(source)
    source.run("UPDATE people SET changed = '2026-03-05 10:00:00'")
    source.stage()
    source.stage(window="all", confirm_rows=100)
    assert ("7", "has_id") in source.holds()


def test_a_run_that_does_not_ask_the_target_ends_no_hold_for_an_id(source: Source) -> None:
    _hold_one(source)
    source.run("UPDATE people SET kombo_application_id = NULL WHERE id = 7")
    source.target = False
    source.stage()
    source.target = True
    source.stage(dry_run=True)
    assert ("7", "has_id") in source.holds()


@pytest.mark.parametrize("how", ["the row is gone", "all ids are gone"])
def test_a_target_that_was_rebuilt_without_ids_ends_no_hold(source: Source, how: str) -> None:
    _hold_one(source)
    with source.ledger.transaction() as conn:
        conn.exec_driver_sql("UPDATE kombo_deliveries SET written_back_at = staged_at WHERE applicant_id = '0'")
    if how == "the row is gone":
        source.has_id(0, "another stray")
        source.run("CREATE TABLE kept AS SELECT * FROM people")
        source.run("DELETE FROM people WHERE id = 7")
        source.stage_from("kept")
    else:
        source.run("UPDATE people SET kombo_application_id = NULL")
        source.stage()
    assert ("7", "has_id") in source.holds()
