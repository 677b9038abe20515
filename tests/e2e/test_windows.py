"""Contract §7: which source rows a run takes, by what started it; nothing is skipped, nothing is taken twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import (
    GREENHOUSE,
    PERSONIO,
    MakesPipelines,
    Warehouse,
    run_backfill,
    run_dag,
    run_scheduled,
)

COLUMNS = "applicant_id, integration_id, job_id, candidate__first_name, candidate__last_name, candidate__email_address"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}+00:00")


def add(warehouse: Warehouse, changed: Mapping[int, str | None]) -> None:
    for number, text in changed.items():
        warehouse.add(number, changed_at=None if text is None else f"2026-03-{text}:00")


def test_scheduled_runs_take_late_rows_and_what_came_during_a_pause(
    warehouse: Warehouse, pipeline: MakesPipelines
) -> None:
    dag_id = pipeline(first_run="from_now")
    add(warehouse, {1: "10 09:59", 2: "10 10:00", 3: "10 10:59", 4: "10 11:00", 5: None})
    first = run_scheduled((at("10 10:00"), at("10 11:00")), dag_id)
    assert first.dag_run.run_type == "scheduled"
    assert warehouse.delivered() == {"a-2", "a-3", "a-5"}, "from the start of its interval, and rows without a time"
    assert warehouse.watermark() == "2026-03-10 10:59:00.000000", "the greatest changed_at that was seen"

    # The DAG was paused from 11 to 15; another row has no time; one lies below the floor.
    add(warehouse, {6: "10 13:30", 7: "10 05:00", 8: None, 9: "10 16:00"})
    second = run_scheduled((at("10 15:00"), at("10 16:00")), dag_id)
    assert warehouse.delivered() == {f"a-{number}" for number in (2, 3, 4, 5, 6, 8)}
    assert second.counts["extracted"] == second.counts["new"] + second.counts["already_known"] == 6
    assert warehouse.watermark() == "2026-03-10 13:30:00.000000"

    run_scheduled((at("10 16:00"), at("10 17:00")), dag_id)
    assert "a-9" in warehouse.delivered(), "its instant is the start of this interval"
    assert "a-7" not in warehouse.delivered(), "older than where this pipeline began"


def test_rows_that_a_loader_brings_days_late_are_read(warehouse: Warehouse, pipeline: MakesPipelines) -> None:
    dag_id = pipeline(first_run="all")
    add(warehouse, {1: "10 10:30"})
    run_scheduled((at("10 10:00"), at("10 11:00")), dag_id)
    for day in ("11", "12", "13"):  # the loader is down, the DAG runs on
        run_scheduled((at(f"{day} 10:00"), at(f"{day} 11:00")), dag_id)
    add(warehouse, {2: "10 15:00", 3: "11 08:00"})
    run_scheduled((at("13 11:00"), at("13 12:00")), dag_id)
    assert warehouse.delivered() == {"a-1", "a-2", "a-3"}


def test_a_sweep_reads_single_rows_that_came_later_than_any_lookback(
    warehouse: Warehouse, pipeline: MakesPipelines
) -> None:
    dag_id = pipeline(first_run="all")
    add(warehouse, {1: "10 10:30"})
    run_scheduled((at("10 10:00"), at("10 11:00")), dag_id)
    add(warehouse, {2: "01 15:00"})
    run_scheduled((at("10 11:00"), at("10 12:00")), dag_id)
    assert warehouse.delivered() == {"a-1"}
    warehouse.execute("UPDATE kombo_sources SET swept_at = '2026-03-01 00:00:00.000000'")
    run_scheduled((at("10 12:00"), at("10 13:00")), dag_id)
    assert warehouse.delivered() == {"a-1", "a-2"}


def test_the_first_scheduled_run_stops_before_a_backlog_and_says_how_to_go_on(
    warehouse: Warehouse, pipeline: MakesPipelines, sandbox: Sandbox
) -> None:
    dag_id = pipeline()
    add(warehouse, dict.fromkeys(range(5), "09 10:00") | {9: "10 10:30"})
    first = run_scheduled((at("10 10:00"), at("10 11:00")), dag_id)
    assert first.state == "failed"
    for words in ("5 rows from before 2026-03-10 10:00", "window=all", 'first_run="from_now"'):
        assert words in first.message("stage")
    assert first.names_of_mapped("stage") == ["5 older rows were never sent"]
    assert sandbox.creates() == {}
    assert run_dag(dag_id=dag_id, window="all").state == "success"
    assert run_scheduled((at("10 11:00"), at("10 12:00")), dag_id).state == "success"
    assert len(warehouse.delivered()) == 6


def test_a_first_scheduled_run_without_a_backlog_goes_on(warehouse: Warehouse, pipeline: MakesPipelines) -> None:
    dag_id = pipeline()
    add(warehouse, {1: "10 10:30"})
    assert run_scheduled((at("10 10:00"), at("10 11:00")), dag_id).state == "success"
    assert warehouse.delivered() == {"a-1"}


def test_rows_of_the_future_are_counted_and_wait(warehouse: Warehouse, pipeline: MakesPipelines) -> None:
    warehouse.add(1, changed_at="2031-01-01 00:00:00")
    warehouse.add(2, changed_at="2001-01-01 00:00:00")
    run = run_dag()
    assert run.counts == {"extracted": 2, "new": 1, "not_yet": 1}
    assert warehouse.delivered() == {"a-2"}


def test_a_scheduled_run_that_failed_to_read_is_made_up_for(warehouse: Warehouse) -> None:
    add(warehouse, {1: "10 10:30"})
    run_scheduled((at("10 10:00"), at("10 11:00")))
    add(warehouse, {2: "10 11:30"})
    warehouse.execute("ALTER TABLE applicants RENAME COLUMN candidate__title TO gone")
    assert run_scheduled((at("10 11:00"), at("10 12:00"))).state == "failed"
    assert warehouse.watermark() == "2026-03-10 10:30:00.000000"
    warehouse.execute("ALTER TABLE applicants RENAME COLUMN gone TO candidate__title")
    run_scheduled((at("12 12:00"), at("12 13:00")))
    assert warehouse.delivered() == {"a-1", "a-2"}


def test_a_backfill_takes_exactly_its_interval_and_leaves_the_watermark(warehouse: Warehouse) -> None:
    add(warehouse, {1: "20 10:30"})
    run_scheduled((at("20 10:00"), at("20 11:00")))
    add(warehouse, {2: "01 23:59", 3: "02 00:00", 4: "02 23:59", 5: "03 00:00", 6: None})
    run = run_backfill((at("02 00:00"), at("03 00:00")))
    assert run.dag_run.run_type == "backfill"
    assert run.state == "success", run.errors
    assert run.counts == {"extracted": 2, "new": 2}
    assert warehouse.delivered() == {"a-1", "a-3", "a-4"}
    assert warehouse.watermark() == "2026-03-20 10:30:00.000000"


def test_manual_runs_take_what_is_new_or_an_interval_or_everything(warehouse: Warehouse) -> None:
    now = datetime.now(UTC)
    hours = {number: now - timedelta(hours=number / 2) for number in range(8)}
    for number, changed in hours.items():
        warehouse.add(number, changed_at=changed.isoformat())
    interval = run_dag(window="interval")
    start, end = interval.dag_run.data_interval_start, interval.dag_run.data_interval_end
    assert warehouse.delivered() == {f"a-{number}" for number, changed in hours.items() if start <= changed < end}
    assert warehouse.watermark() is None

    warehouse.add(100, changed_at="2001-01-01 00:00:00")
    assert run_dag().counts["new"] == len(hours) + 1 - interval.counts["new"], "no watermark yet: everything until now"
    warehouse.add(101, changed_at="2001-01-01 00:00:00")
    warehouse.add(102)
    assert run_dag(window="new").counts["new"] == 1
    assert warehouse.status_of("a-101") is None, "older than watermark and lookback"
    assert run_dag(window="all").counts["new"] == 1
    assert warehouse.status_of("a-101") == "delivered"


def test_a_narrowed_run_stages_and_sends_only_its_part_and_leaves_the_watermark(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    for number in range(8):
        warehouse.add(number, integration_id=GREENHOUSE if number < 4 else PERSONIO)
    assert run_dag(integration_ids=[PERSONIO], applicant_ids=["a-1", "a-5"]).counts == {"extracted": 1, "new": 1}
    assert warehouse.delivered() == {"a-5"}
    assert run_dag(applicant_ids=["a-2", "a-6"]).counts == {"extracted": 2, "new": 2}
    assert run_dag(limit=2).counts == {"extracted": 2, "new": 2}
    assert run_dag(limit=2).counts == {"extracted": 2, "new": 2}, "the next two, not the same"
    assert warehouse.statuses() == {"delivered": 7}
    assert warehouse.watermark() is None
    assert run_dag().counts == {"extracted": 8, "new": 1, "already_known": 7}
    assert set(sandbox.creates().values()) == {1}


def test_a_narrowed_run_does_not_send_the_rows_of_others_that_wait(warehouse: Warehouse, sandbox: Sandbox) -> None:
    sandbox.config(status="INACTIVE")
    for number in range(4):
        warehouse.add(number, integration_id=GREENHOUSE if number < 2 else PERSONIO)
    assert run_dag().state == "failed"
    assert warehouse.statuses() == {"ready": 4}
    sandbox.config(status="ACTIVE")
    assert run_dag(integration_ids=[GREENHOUSE]).state == "success"
    assert warehouse.delivered() == {"a-0", "a-1"}
    assert run_dag(applicant_ids=["a-3"]).state == "success"
    assert warehouse.delivered() == {"a-0", "a-1", "a-3"}


@pytest.mark.parametrize(
    ("zone", "written", "taken"),
    [
        ("Europe/Berlin", "2026-03-10 11:30:00", True),
        ("Europe/Berlin", "2026-03-10 10:30:00", False),
        ("UTC", "2026-03-10T13:15:00+02:45", True),
        ("Europe/Berlin", "2026-03-10T10:30:00Z", True),
        ("America/Los_Angeles", "2026-03-10 03:30:00.5", True),
        ("Asia/Kolkata", "2026-03-10T16:45:00", False),
    ],
)
def test_instants_are_compared_whatever_their_time_zone(
    warehouse: Warehouse, pipeline: MakesPipelines, zone: str, written: str, taken: bool
) -> None:
    warehouse.add(1, changed_at=written)
    dag_id = pipeline(source_timezone=zone)
    run = run_backfill((at("10 10:00"), at("10 11:00")), dag_id)
    assert run.counts == ({"extracted": 1, "new": 1} if taken else {})


def test_a_backfill_of_a_dag_without_intervals_says_so_and_takes_nothing(warehouse: Warehouse) -> None:
    """Plain cron strings of Airflow 3 give an interval that starts where it ends."""
    add(warehouse, {1: "10 10:00"})
    run = run_backfill((at("10 10:00"), at("10 10:00")))
    assert "needs a run with a data interval" in run.message("stage")
    assert "CronDataIntervalTimetable" in run.message("stage")
    assert warehouse.statuses() == {}
