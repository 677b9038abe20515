"""What is wrong is told once, and once that it is over; what is snoozed or known already makes no message."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kombo_provider.ledger import LaneState, RunRef
from tests.unit.watch.conftest import BEGIN, DAY, HOUR, PAGE, SOURCE, Watched

LANE = "greenhouse:a"
REFUSED = "INTEGRATION.AUTHENTICATION_INVALID"
BLOCKED = f"Integration {LANE} is blocked ({REFUSED})"


def test_a_blocked_lane_is_told_once_and_once_when_it_is_open_again(watched: Watched) -> None:
    watched.rows(LANE, "ready", 3)
    watched.lane(LANE, LaneState.BLOCKED, REFUSED)
    assert watched.look() == [BLOCKED]
    assert watched.look() == []
    watched.lane(LANE, LaneState.OPEN)
    assert watched.look() == [f"Over: {BLOCKED}"]
    assert watched.look() == []
    (alert,) = watched.alerts()
    assert None not in (alert.told_at, alert.resolved_at, alert.resolution_told_at)


def test_a_message_says_what_since_when_how_many_what_to_do_and_where(watched: Watched) -> None:
    watched.run()
    watched.rows(LANE, "ready", 3)
    watched.lane(LANE, LaneState.BLOCKED, REFUSED)
    watched.watch()
    text = watched.inbox.messages[0].text
    assert "since 2026-11-23 10:05 UTC" in text
    assert "3 rows wait" in text
    assert "To do: Correct what the code names" in text
    assert text.endswith(f"Page: {PAGE}/plugin/kombo?dag=kombo_push&source={SOURCE}&lane=greenhouse%3Aa")


def test_a_pause_is_told_when_it_is_long_however_often_it_was_renewed(watched: Watched) -> None:
    watched.lane(LANE, LaneState.PAUSED, "HTTP 503")
    assert watched.look(timedelta(minutes=30)) == []
    watched.lane(LANE, LaneState.PAUSED, "HTTP 503")  # a probe failed: a new, longer pause
    assert watched.look(timedelta(minutes=40)) == [f"Integration {LANE} is paused (HTTP 503)"]
    watched.lane(LANE, LaneState.BLOCKED, REFUSED)
    assert watched.look() == [], "it stands still, for another reason"
    watched.lane(LANE, LaneState.OPEN)
    assert watched.look() == [f"Over: Integration {LANE} is paused (HTTP 503)"]


def test_a_short_pause_is_never_told(watched: Watched) -> None:
    watched.lane(LANE, LaneState.PAUSED)
    assert watched.look() == []
    watched.lane(LANE, LaneState.OPEN)
    assert watched.look(DAY) == []
    assert watched.alerts() == []


def snooze(watched: Watched, code: str | None = REFUSED, lasts: timedelta = 2 * HOUR) -> None:
    watched.lane(LANE, LaneState.BLOCKED, REFUSED, snoozed_until=watched.at + lasts, snoozed_code=code)


def test_a_snoozed_lane_is_told_when_its_snooze_ends(watched: Watched) -> None:
    snooze(watched)
    assert watched.look() == []
    assert watched.look(HOUR) == []
    assert watched.look(HOUR) == [BLOCKED]


def test_a_lane_that_is_snoozed_for_another_code_is_told(watched: Watched) -> None:
    snooze(watched, code="INTEGRATION.INACTIVE")
    assert watched.look() == [BLOCKED]


def test_a_lane_that_was_told_and_then_snoozed_is_told_again_after_its_snooze(watched: Watched) -> None:
    watched.lane(LANE, LaneState.BLOCKED, REFUSED)
    assert watched.look() == [BLOCKED]
    snooze(watched)
    assert watched.look() == []
    watched.at += 2 * HOUR
    watched.watch()
    (message,) = watched.inbox.messages
    assert "its snooze has ended" in message.text
    watched.inbox.take()
    assert watched.look() == []
    watched.lane(LANE, LaneState.OPEN)
    assert watched.look() == [f"Over: {BLOCKED}"]


def test_a_lane_that_opens_while_it_is_snoozed_is_told_as_over_to_who_heard_of_it(watched: Watched) -> None:
    watched.lane(LANE, LaneState.BLOCKED, REFUSED)
    assert watched.look() == [BLOCKED]
    snooze(watched)
    assert watched.look() == []
    watched.lane(LANE, LaneState.OPEN)
    assert watched.look() == [f"Over: {BLOCKED}"]


def test_a_lane_that_a_person_stopped_is_no_news_until_its_rows_are_late(watched: Watched) -> None:
    watched.rows(LANE, "ready")
    watched.lane(LANE, LaneState.STOPPED)
    assert watched.look() == []
    late = f"Integration {LANE} is not up to date"
    assert watched.look(3 * HOUR) == [late]
    watched.lane(LANE, LaneState.OPEN)
    watched.settle(LANE)
    assert watched.look() == [f"Over: {late}"]


def test_rows_that_wait_on_a_blocked_lane_are_no_second_message(watched: Watched) -> None:
    watched.rows(LANE, "ready", 5)
    watched.lane(LANE, LaneState.BLOCKED, REFUSED)
    assert watched.look(5 * HOUR) == [BLOCKED]
    watched.lane(LANE, LaneState.OPEN)
    assert watched.look() == [f"Over: {BLOCKED}"], "its rows have just begun to leave"
    watched.settle(LANE)
    assert watched.look() == []


def test_held_rows_wait_for_a_person_and_are_not_late(watched: Watched) -> None:
    watched.rows(LANE, "ready", 5, hold="approval")
    assert watched.look(DAY) == []


def test_a_refused_api_key_is_one_message_not_one_for_each_lane(watched: Watched) -> None:
    for number in range(50):
        watched.rows(f"greenhouse:{number}", "ready")
    watched.lane("", LaneState.BLOCKED, "PLATFORM.AUTHENTICATION_INVALID")
    everything = "Nothing leaves: all lanes are blocked (PLATFORM.AUTHENTICATION_INVALID)"
    assert watched.look(5 * HOUR) == [everything]
    watched.lane("", LaneState.OPEN)
    for number in range(50):
        watched.settle(f"greenhouse:{number}")
    assert watched.look() == [f"Over: {everything}"]


@pytest.mark.parametrize(
    ("state", "advice"),
    [(LaneState.STOPPED, "set the state of that row of kombo_lanes"), (LaneState.DRAINED, "airflow kombo resume")],
)
def test_who_hears_that_all_lanes_stand_reads_what_ends_it(watched: Watched, state: LaneState, advice: str) -> None:
    watched.lane("", state)
    watched.at += 2 * HOUR
    watched.watch()
    (message,) = watched.inbox.messages
    assert advice in message.text
    assert "lanes open" not in message.text, "that command wants an integration"


def test_a_rate_limit_that_was_reset_stops_nothing(watched: Watched) -> None:
    watched.lane("", LaneState.PAUSED, "PLATFORM.RATE_LIMIT_EXCEEDED", paused_until=watched.at + timedelta(minutes=1))
    assert watched.look(5 * HOUR) == []


def test_old_doubts_are_told_as_long_as_there_are_some(watched: Watched) -> None:
    watched.rows(LANE, "in_doubt", 2)
    watched.rows(LANE, "sending")  # its process died, and nobody has opened the ledger since
    assert watched.look(DAY - HOUR) == []
    old = f"Integration {LANE} has old doubts"
    assert watched.look(HOUR) == [old]
    watched.settle(LANE)
    assert watched.look() == [f"Over: {old}"]


def test_much_that_is_refused_is_told_and_little_is_not(watched: Watched) -> None:
    watched.run(
        statuses={LANE: {"delivered": 80, "rejected": 5, "invalid": 6}, "lever:b": {"delivered": 900, "rejected": 20}}
    )
    assert watched.look() == [f"Integration {LANE} refuses 12%"]
    assert watched.look(DAY) == [f"Over: Integration {LANE} refuses 12%"]


def test_a_run_that_died_is_told_once_and_is_over_with_the_next_report(watched: Watched) -> None:
    dead = watched.run(ended=False)
    assert watched.look() == [], "it may still run"
    watched.airflow.over.add(dead)
    died = "DAG kombo_push died before its report"
    assert watched.look() == [died]
    watched.at += HOUR
    running = watched.run(ended=False)
    assert watched.look() == []
    assert running == RunRef("kombo_push", running.run_id)
    watched.at += HOUR
    watched.run()
    assert watched.look() == [f"Over: {died}"]


def test_a_run_that_airflow_does_not_know_is_dead_after_some_hours(watched: Watched) -> None:
    watched.run(ended=False)
    assert watched.look(2 * HOUR) == []
    assert watched.look(HOUR) == ["DAG kombo_push died before its report"]


def hourly(watched: Watched, hours: int, **said: Any) -> None:
    for _ in range(hours):
        watched.at += HOUR
        watched.run(**said)


def test_a_paused_dag_is_told_with_what_is_usual_and_its_rows_are_no_second_message(watched: Watched) -> None:
    hourly(watched, 24)
    watched.rows(LANE, "ready")
    watched.airflow.paused.add("kombo_push")
    assert watched.look(2 * HOUR) == []
    watched.at += HOUR
    watched.watch()
    (message,) = watched.inbox.messages
    assert message.headline == "DAG kombo_push does not run"
    assert "It is paused." in message.text
    assert "usually 1 h lie between two" in message.text
    watched.inbox.take()
    assert watched.look(DAY) == []
    watched.settle(LANE)
    watched.run()
    assert watched.look() == ["Over: DAG kombo_push does not run"]


def test_nights_and_weekends_without_runs_are_usual(watched: Watched) -> None:
    for day in range(14):
        if day % 7 not in (5, 6):
            for hour in range(8, 18):
                watched.run(began=BEGIN.replace(hour=hour) + day * DAY)
    watched.at = BEGIN + 13 * DAY
    assert watched.look() == []
    assert watched.look(DAY + 6 * HOUR) == ["DAG kombo_push does not run"], "Monday came and nothing ran"


def test_an_outage_of_a_few_days_does_not_become_usual(watched: Watched) -> None:
    hourly(watched, 20 * 24)
    watched.at += 5 * DAY
    hourly(watched, 24)
    assert watched.look(3 * HOUR) == ["DAG kombo_push does not run"]


def weeks_of(watched: Watched, *weeks: tuple[int, int], this: tuple[int, int]) -> None:
    """Have a run in the same hour of former weeks, the last named first, and in the last full hour."""
    for week, (extracted, new) in enumerate([this, *weeks]):
        began = BEGIN - timedelta(minutes=30) - week * 7 * DAY
        watched.run(began=began, extracted=extracted, new={LANE: new, "lever:b": 100})


@pytest.mark.parametrize(("rows", "direction"), [(400, "more"), (4, "fewer")])
def test_a_customer_that_brings_far_more_or_fewer_rows_than_usual_is_told(
    watched: Watched, rows: int, direction: str
) -> None:
    weeks_of(watched, (900, 42), (900, 38), (900, 40), this=(900, rows))
    told = f"Integration {LANE} brings far {direction} new rows than usual"
    assert watched.look() == [told]
    assert watched.look(HOUR) == [], "no run of that hour: nobody knows"
    watched.at = BEGIN + 7 * DAY
    watched.run(began=BEGIN + 7 * DAY - timedelta(minutes=30), new={LANE: 40, "lever:b": 100})
    assert f"Over: {told}" in watched.look()


def test_nothing_is_said_of_volume_without_weeks_to_compare_with(watched: Watched) -> None:
    weeks_of(watched, (900, 40), this=(0, 4000))
    assert watched.look() == []


def test_a_few_rows_more_or_less_are_never_far(watched: Watched) -> None:
    weeks_of(watched, (900, 1), (900, 2), this=(900, 15))
    assert watched.look() == []


def test_a_narrowed_run_is_no_measure(watched: Watched) -> None:
    weeks_of(watched, (900, 40), (900, 40), this=(900, 40))
    watched.run(began=BEGIN - timedelta(minutes=20), extracted=None, new={LANE: 4000})
    assert watched.look() == []


def test_a_source_that_went_empty_is_told_and_its_volume_is_not(watched: Watched) -> None:
    weeks_of(watched, (900, 40), (800, 40), this=(0, 0))
    assert watched.look() == [f"Source {SOURCE} went empty"]


def test_a_source_that_often_is_empty_at_this_hour_is_not_told(watched: Watched) -> None:
    weeks_of(watched, (900, 40), (0, 0), this=(0, 0))
    assert watched.look() == []
