"""Staging without Airflow: what a run holds, and what may leave."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kombo_provider.errors import ConfirmationRequiredError, SourceError, WriteBackError
from kombo_provider.ledger import RunRef, holds, passed_over, staging
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.stage import StageReport
from tests.unit.staging.people import SELECTION, Source

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)


def test_a_clear_of_an_older_deliver_sends_nothing_of_what_waits_for_approval(source: Source) -> None:
    source.add(range(4), "many")
    source.add(range(3), "few")
    report = source.stage()
    assert report.ready == {"few": 3}
    assert (report.counts["new"], report.counts["held"]) == (3, 4)
    assert source.claimed_by_an_older_run("many") == 0
    assert source.claimed_by_an_older_run("few") == 3
    assert source.stage(confirm_rows=3).ready == {}, "fewer were confirmed than are held"
    assert source.stage(confirm_rows=4).ready == {"many": 4}


def test_rows_of_a_run_that_died_while_staging_are_claimed_by_nobody_and_decided_by_the_next(source: Source) -> None:
    source.add(range(4), "many")
    source.stage()
    source.leave_undecided()
    assert source.claimed_by_an_older_run("many") == 0
    assert source.stage().ready == {}


def test_a_few_new_rows_leave_beside_those_that_wait_for_approval(source: Source) -> None:
    source.add(range(4), "many")
    source.stage()
    source.add(range(4, 6), "many")
    assert source.stage(window="all").ready == {"many": 2}


def test_the_counts_add_up_where_rows_are_held(source: Source) -> None:
    source.add(range(5), "many")
    counts = source.stage().counts
    assert counts["extracted"] == sum(rows for name, rows in counts.items() if name != "extracted") == 5


def test_a_watermark_of_a_clock_that_was_once_ahead_hides_no_new_row(source: Source) -> None:
    with source.ledger.transaction() as conn:
        staging.lock_source(conn, "crm")
        staging.move_watermark(conn, "crm", datetime.now(UTC) + timedelta(days=365))
    source.add(range(2), "few", f"{datetime.now(UTC) - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}")
    assert source.stage().ready == {"few": 2}
    with source.ledger.transaction() as conn:
        assert staging.watermark(conn, "crm") <= datetime.now(UTC)  # type: ignore[operator]


def test_a_new_row_whose_target_has_an_id_that_no_delivery_bears_is_held(source: Source) -> None:
    source.add(range(2), "ats:a")
    source.give_target()
    source.stage()
    source.add(range(2, 4), "ats:a")
    source.has_id(2, "made-by-another-tool")

    report = source.stage()

    assert (report.counts["new"], report.counts["held"]) == (1, 1)
    assert source.holds() == [("0", None), ("1", None), ("2", "has_id"), ("3", None)]
    assert source.claimed_by_an_older_run("ats:a") == 3
    assert source.stage().counts["held"] == 0, "it is held, and known"


@pytest.mark.parametrize("changed", ["2026-03-01 10:00:00", "2026-03-05 10:00:00"])
def test_a_row_that_waits_in_an_older_copy_of_the_ledger_though_it_was_sent_since_is_held(
    source: Source, changed: str
) -> None:
    source.add(range(2), "ats:a")
    source.give_target()
    source.stage()  # the copy was made now: both wait
    source.has_id(1, "sent-after-the-copy-was-made")
    source.run(f"UPDATE people SET changed = '{changed}'")
    source.add(range(2, 3), "ats:a", changed="2026-03-09 10:00:00")

    counts = source.stage(lookback=timedelta(0)).counts

    assert counts["extracted"] == sum(rows for name, rows in counts.items() if name != "extracted")
    assert source.holds() == [("0", None), ("1", "has_id"), ("2", None)]
    assert source.claimed_by_an_older_run("ats:a") == 2


def test_an_empty_ledger_stops_the_run_where_the_select_returns_rows_with_ids(source: Source) -> None:
    source.add(range(2), "ats:a")
    source.give_target()
    source.has_id(1, "sent-before-the-ledger-was-lost")
    with pytest.raises(SourceError, match="holds nothing of source"):
        source.stage()
    assert source.holds() == []


def test_a_second_source_on_a_table_with_ids_of_others_goes_on(source: Source) -> None:
    source.add(range(2), "ats:a", changed="2026-03-01 10:00:00")
    source.give_target()
    source.run("INSERT INTO people (id, ats, kombo_application_id) VALUES (99, NULL, 'of another source')")
    source.run("CREATE TABLE kept AS SELECT * FROM people WHERE id < 99")
    report = source.stage_from("kept")
    assert report.counts["new"] == 2


def test_keys_that_the_target_does_not_know_stop_the_run_before_anything_is_staged(source: Source) -> None:
    source.add(range(3), "ats:a")
    source.give_target()
    with pytest.raises(WriteBackError, match="None of the first"):
        source.stage_from("(SELECT id + 1000 AS id, ats, changed FROM people) AS shifted")
    assert source.holds() == []


def _first_seen(source: Source, run: str) -> dict[str, int]:
    with source.ledger.transaction() as conn:
        return {count.kind: count.rows for count in passed_over.new(conn, "crm", RunRef("push", run))}


def test_rows_without_a_key_and_duplicates_are_new_once_however_often_they_come_back(source: Source) -> None:
    source.add(range(3), "a")
    source.run("INSERT INTO people (id, ats, changed) VALUES (NULL, 'a', '2026-03-01'), (NULL, 'a', '2026-03-01')")
    source.add(range(1), "a")
    first = source.stage(run="first")
    assert (first.counts["without_key"], first.counts["duplicate_keys"]) == (2, 1)
    assert _first_seen(source, "first") == {"without_key": 2, "duplicate": 1}
    source.stage(run="first")  # a second try of the same run
    assert _first_seen(source, "first") == {"without_key": 2, "duplicate": 1}

    source.run("INSERT INTO people (id, ats, changed) VALUES (NULL, 'a', '2026-03-02')")
    second = source.stage(run="second")
    assert second.counts["without_key"] == 3
    assert _first_seen(source, "second") == {"without_key": 1}


def test_a_row_without_a_key_that_was_corrected_and_broke_again_is_new_again(source: Source) -> None:
    source.run("INSERT INTO people (id, ats, changed) VALUES (NULL, 'a', '2026-03-01')")
    source.stage(run="first")
    source.run("UPDATE people SET id = 1")
    source.stage(run="second")
    with source.ledger.transaction() as conn:
        assert passed_over.known(conn, "crm") == []
    source.run("UPDATE people SET id = NULL")
    source.stage(run="third")
    assert _first_seen(source, "third") == {"without_key": 1}


def test_a_run_that_reads_a_part_forgets_nothing_of_the_rest(source: Source) -> None:
    source.run("INSERT INTO people (id, ats, changed) VALUES (NULL, 'a', '2026-01-01')")
    source.add(range(2), "a", "2026-01-01 10:00:00")
    source.add(range(2), "a", "2026-03-01 10:00:00")
    source.stage(run="first", window="all")
    again: dict[str, dict[str, Any]] = {
        "narrowed": {"narrowing": Narrowing(limit=1)},
        "hourly": {},
        "dry": {"dry_run": True},
    }
    for run, options in again.items():
        source.stage(run=run, **options)
        with source.ledger.transaction() as conn:
            known = {count.kind: count.rows for count in passed_over.known(conn, "crm")}
        assert known == {"without_key": 1, "duplicate": 2}, run
    source.stage(run="sweep", window="all")
    assert _first_seen(source, "sweep") == {}


def test_ids_that_are_addresses_are_warned_of_once_and_not_named(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.run("CREATE TABLE mails (id TEXT, ats TEXT, changed TEXT)")
    source.run("INSERT INTO mails VALUES ('ada@example.com', 'a', '2026-03-01'), ('bo@example.com', 'a', '2026-03-01')")
    source.stage_from("mails")
    assert caplog.text.count("applicant_id holds e-mail addresses") == 1
    assert "ada@" not in caplog.text


def test_what_is_read_of_the_future_is_counted_by_integration_too(source: Source) -> None:
    source.add(range(2), "a")
    source.add(range(2, 3), "b", "2099-01-01 00:00:00")
    source.add(range(10, 20), "many")
    report = source.stage()
    assert dict(+report.by_integration) == {("a", "new"): 2, ("b", "not_yet"): 1, ("many", "held"): 10}
    assert sum(report.by_integration.values()) == report.counts["extracted"]


def test_a_first_scheduled_run_that_stops_says_so_in_lines_that_fit_into_airflows_window(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.add(range(2), "many", "2026-03-01 10:00:00")
    interval = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
    report = StageReport()

    with pytest.raises(ConfirmationRequiredError):
        source.stage(scheduled=True, interval=interval, report=report)

    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert report.never_sent == 2
    assert said[0].startswith("2 rows from before 2026-03-02 00:00 UTC were never sent")
    assert all(len(line) <= 90 for line in said)


def _run_of_each(source: Source) -> Counter[str]:
    with source.ledger.transaction() as conn:
        return Counter(conn.exec_driver_sql("SELECT run_id FROM kombo_deliveries").scalars())


def _stage_a_load_undecided(source: Source) -> None:
    """Let a run stage a hundred rows of one integration, and be about to decide about them."""
    source.add(range(100), "many")
    source.stage(run="load", window="all", approve_above=80)
    source.leave_undecided()


@pytest.mark.parametrize("window", ["interval", "all"])
def test_a_run_beside_it_decides_nothing_of_what_a_living_run_staged(source: Source, window: str) -> None:
    """It reads nothing itself, or all of it."""
    _stage_a_load_undecided(source)
    stages_on = iter(range(3600))

    def sleep(_seconds: float) -> None:
        number = next(stages_on)
        source.add(range(1000 + number, 1001 + number), "many")
        source.stage(run="load", window="all", approve_above=1000)
        source.leave_undecided()

    beside = source.stage(run="beside", window=window, interval=LONG_AGO, approve_above=80, sleep=sleep)
    assert beside.ready == {}
    assert Counter(hold for _, hold in source.holds()) == {"undecided": 101}
    assert _run_of_each(source) == {"load": 101}
    assert source.stage(run="load", window="all", approve_above=80).ready == {}


@pytest.mark.parametrize("window", ["interval", "all"])
def test_what_a_dead_run_left_is_decided_by_the_next_one_after_a_while(source: Source, window: str) -> None:
    _stage_a_load_undecided(source)

    def sleep(_seconds: float) -> None:
        source.run("UPDATE kombo_deliveries SET staged_at = '2026-01-01 00:00:00.000000+00:00'")

    report = source.stage(run="next", window=window, interval=LONG_AGO, approve_above=100, sleep=sleep)
    assert report.ready == {"many": 100}


def test_rows_whose_body_is_the_same_keep_their_place_and_what_was_asked_about_them(source: Source) -> None:
    source.add(range(4), "many")
    source.stage()
    with source.ledger.transaction() as conn:
        asked_at = holds.ask_about(conn, SELECTION, "many")
    source.run("UPDATE people SET changed = '2026-03-02 10:00:00'")
    source.stage(window="all")
    with source.ledger.transaction() as conn:
        assert holds.release_asked(conn, SELECTION, "many", asked_at) == 4


def test_no_number_that_a_person_confirms_is_about_rows_whose_id_in_the_target_has_just_gone(source: Source) -> None:
    source.add(range(1), "ats:a")
    source.give_target()
    source.stage(run="first")
    source.add(range(7, 8), "ats:a")
    source.has_id(7, "stray")
    source.stage()
    source.run("UPDATE people SET kombo_application_id = NULL WHERE id = 7")
    source.stage(confirm_rows=100)
    assert source.holds() == [("0", None), ("7", "approval")]
