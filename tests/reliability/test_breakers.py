"""P5: a broken lane stops alone, and an outage costs at most one cap's worth of doubt."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kombo_provider.errors import AccountError
from kombo_provider.ledger import Actor, By, claims, lane_actions, lane_states, leases, now
from kombo_provider.ledger._tables import deliveries, lanes
from kombo_provider.ledger.selection import Selection
from kombo_provider.sending.options import Tuning
from kombo_sandbox.testing import Sandbox
from tests.reliability.three_lanes import CAP, INTEGRATIONS, ROWS, RUN, ThreeLanes, sqlite_in


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[ThreeLanes]:
    with Sandbox(latency_seconds=0.05) as sandbox:
        yield ThreeLanes(sandbox, sqlite_in(tmp_path))


def _refusing(desk: ThreeLanes, code: str) -> None:
    desk.sandbox.faults([{"kind": "error", "code": code, "match": {"integration_id": INTEGRATIONS[1]}}])
    desk.sandbox.config(per_integration={INTEGRATIONS[1]: {"status": "INVALID"}})


def test_a_refused_integration_stops_after_one_wave_and_the_others_finish(desk: ThreeLanes) -> None:
    _refusing(desk, "INTEGRATION.AUTHENTICATION_INVALID")
    report = desk.deliver()
    assert desk.ready() == {INTEGRATIONS[1]: ROWS}
    assert desk.statuses(INTEGRATIONS[0]) == desk.statuses(INTEGRATIONS[2]) == {"delivered": ROWS}
    (problem,) = report.problems
    assert report.blocked
    assert INTEGRATIONS[1] in problem
    assert "INTEGRATION.AUTHENTICATION_INVALID" in problem
    assert "Log page: http" in problem
    with desk.ledger.transaction() as conn:
        attempts = sum(
            row.attempts
            for row in conn.execute(deliveries.select().where(deliveries.c.integration_id == INTEGRATIONS[1]))
        )
    assert attempts <= CAP


def test_a_snoozed_lane_is_passed_over_and_its_neighbours_in_the_same_task_go_on(desk: ThreeLanes) -> None:
    _refusing(desk, "INTEGRATION.AUTHENTICATION_INVALID")
    desk.sandbox.faults(
        [{"kind": "error", "code": "INTEGRATION.INACTIVE", "match": {"integration_id": INTEGRATIONS[2]}}]
    )
    desk.deliver()
    with desk.ledger.transaction() as conn:
        until, by = now(conn) + timedelta(days=1), By(Actor.PERSON, name="Grace")
        assert lane_actions.snooze_lane(conn, "k", INTEGRATIONS[1], by, until=until, reason="they know")
    report = desk.deliver()
    assert report.snoozed == [INTEGRATIONS[1]]
    (problem,) = report.problems
    assert INTEGRATIONS[2] in problem
    desk.sandbox.clear_faults()
    assert desk.deliver().problems == [], "its neighbour works again"
    desk.sandbox.config(per_integration={INTEGRATIONS[1]: {"status": "ACTIVE"}})
    report = desk.deliver()
    assert (report.problems, report.snoozed, desk.ready()) == ([], [], {})


def test_a_blocked_lane_is_not_tried_while_kombo_says_invalid_and_goes_on_when_it_is_repaired(desk: ThreeLanes) -> None:
    _refusing(desk, "INTEGRATION.AUTHENTICATION_INVALID")
    desk.deliver()
    before = desk.sandbox.stats()["requests_total"]
    assert desk.deliver().blocked
    assert desk.sandbox.stats()["requests_total"] - before <= 3  # key, integration, and no create
    desk.sandbox.clear_faults()
    desk.sandbox.config(per_integration={INTEGRATIONS[1]: {"status": "ACTIVE"}})
    assert desk.deliver().problems == []
    assert desk.ready() == {}
    assert set(desk.sandbox.creates().values()) == {1}


def test_a_key_that_is_refused_in_the_middle_stops_all_lanes_and_loses_nothing(desk: ThreeLanes) -> None:
    desk.sandbox.faults([{"kind": "error", "code": "PLATFORM.AUTHENTICATION_INVALID"}])
    report = desk.deliver()
    assert len(report.problems) == len(INTEGRATIONS)
    assert sum(desk.ready().values()) == ROWS * len(INTEGRATIONS)
    with pytest.raises(AccountError):
        desk.deliver(key="wrong")
    desk.sandbox.clear_faults()
    assert desk.deliver().problems == []
    assert set(desk.sandbox.creates().values()) == {1}


@pytest.mark.parametrize("fault", [{"kind": "error", "code": None, "status": 500}, {"kind": "html", "status": 503}])
def test_a_server_that_fails_every_create_costs_at_most_one_caps_worth_of_doubt(
    desk: ThreeLanes, fault: dict[str, Any]
) -> None:
    desk.sandbox.faults([fault])
    for _ in range(3):
        report = desk.deliver()
        assert len(report.problems) == len(INTEGRATIONS)
        assert not report.blocked
    for integration in INTEGRATIONS:
        statuses = desk.statuses(integration)
        assert 0 < statuses["in_doubt"] <= CAP
        assert statuses["ready"] == ROWS - statuses["in_doubt"]


def test_a_kill_with_five_on_the_wire_and_then_one_500_pauses_no_lane(desk: ThreeLanes) -> None:
    killed, on_the_wire = INTEGRATIONS[0], 5
    desk.open_lanes()
    with desk.ledger.transaction() as conn:
        assert leases.acquire(conn, "k", killed, "a task that was killed", RUN, 30.0)
        assert len(claims.claim(conn, Selection("s", "k"), killed, on_the_wire, RUN)) == on_the_wire
        conn.execute(lanes.update().values(lease_expires_at=now(conn) - timedelta(seconds=1)))
    desk.sandbox.faults([{"kind": "error", "code": None, "status": 500, "count": 1}])
    report = desk.deliver()
    assert report.problems == []
    doubts = Counter[str]()
    for integration in INTEGRATIONS:
        doubts.update(desk.statuses(integration))
    assert doubts == {"in_doubt": on_the_wire + 1, "delivered": ROWS * len(INTEGRATIONS) - on_the_wire - 1}


def test_an_outage_at_full_speed_costs_at_most_one_caps_worth_of_doubt(desk: ThreeLanes) -> None:
    desk.open_lanes()
    desk.sandbox.faults([{"kind": "error", "code": "PLATFORM.UNKNOWN_ERROR", "status": 500}])
    desk.deliver()
    for integration in INTEGRATIONS:
        assert 0 < desk.statuses(integration)["in_doubt"] <= CAP


def test_a_probe_that_fails_after_an_outage_doubles_the_lanes_pause_in_the_ledger(desk: ThreeLanes) -> None:
    tuning = Tuning(first_pause=0.05, longest_pause=0.1, outage_pause=100.0, patience=60, failures_in_row=CAP)
    desk.open_lanes(cap=3)
    desk.sandbox.config(concurrency_limit=3)
    desk.sandbox.faults([{"kind": "error", "code": None, "status": 500}])
    pauses = []
    for _ in range(3):
        desk.deliver(tuning=tuning)
        with desk.ledger.transaction() as conn:
            status = lane_states.own_status(conn, "k", INTEGRATIONS[0])
        pauses.append(status.pause_seconds)
        _let_its_pause_end(desk)
    assert pauses == pytest.approx([100, 200, 400], rel=0.1)
    desk.sandbox.clear_faults()
    assert desk.deliver(tuning=tuning).problems == []
    with desk.ledger.transaction() as conn:
        assert lane_states.own_status(conn, "k", INTEGRATIONS[0]).pause_seconds == 0


def _let_its_pause_end(desk: ThreeLanes) -> None:
    """Have the pauses of all lanes begin so much earlier that they are over."""
    with desk.ledger.transaction() as conn:
        for lane in conn.execute(lanes.select().where(lanes.c.paused_until.is_not(None))).all():
            of_lane = lanes.update().where(lanes.c.integration_id == lane.integration_id)
            conn.execute(of_lane.values(since=lane.since - (lane.paused_until - lane.since), paused_until=lane.since))


def test_a_person_who_opens_a_paused_lane_in_the_table_need_not_wait_for_the_end_of_its_pause(desk: ThreeLanes) -> None:
    desk.open_lanes()
    desk.sandbox.faults([{"kind": "error", "code": None, "status": 500}])
    assert desk.deliver(tuning=Tuning(first_pause=0.05, longest_pause=0.1)).problems
    desk.sandbox.clear_faults()
    with desk.ledger.transaction() as conn:
        conn.execute(lanes.update().values(state="open"))
    began = time.monotonic()
    assert desk.deliver(tuning=Tuning()).problems == []
    assert time.monotonic() - began < 300, "it waited for the pause"
    assert desk.ready() == {}


def test_a_task_leaves_an_outage_when_its_patience_has_ended_though_doubts_still_come(desk: ThreeLanes) -> None:
    desk.sandbox.faults([{"kind": "error", "code": None, "status": 500}])
    began = time.monotonic()
    report = desk.deliver(tuning=Tuning(first_pause=1.0, longest_pause=2.0, patience=0.5), timeout_seconds=4.0)
    assert time.monotonic() - began < 60
    assert all("HTTP 500" in problem and "Log page: http" in problem for problem in report.problems)
    assert all(0 < desk.statuses(integration)["in_doubt"] < CAP for integration in INTEGRATIONS)


def test_a_failing_lane_recovers_by_one_probe_at_a_time(desk: ThreeLanes) -> None:
    desk.sandbox.faults([{"kind": "error", "code": None, "status": 500, "count": 4}])
    assert desk.deliver(tuning=Tuning(first_pause=0.05, longest_pause=0.1, patience=5)).problems == []
    assert desk.ready() == {}
    doubts = sum(desk.statuses(integration)["in_doubt"] for integration in INTEGRATIONS)
    assert doubts == 4


def test_the_ats_that_is_down_is_tried_three_times_and_then_refused_with_its_code(desk: ThreeLanes) -> None:
    desk.sandbox.faults(
        [{"kind": "error", "code": "REMOTE.SERVICE_UNAVAILABLE", "match": {"email": "ats0-5@example.com"}}]
    )
    desk.deliver()
    for _ in range(3):
        with desk.ledger.transaction() as conn:
            conn.execute(deliveries.update().values(not_before=None))
        desk.deliver()
    with desk.ledger.transaction() as conn:
        query = deliveries.select().where(deliveries.c.error_code == "REMOTE.SERVICE_UNAVAILABLE")
        (row,) = conn.execute(query).all()
    assert (row.status, row.attempts) == ("rejected", 3)


def test_in_flight_never_exceeds_a_limit_that_kombo_names_only_in_its_answers(desk: ThreeLanes) -> None:
    desk.sandbox.config(concurrency_limit=4)
    desk.deliver()
    assert desk.ready() == {}
    assert max(desk.sandbox.stats()["peak_in_flight"].values()) <= 4
    assert desk.sandbox.stats()["by_status"].get("429", 0) == 0


def test_a_lane_whose_last_row_ended_in_doubt_does_not_wait_for_its_timeout(desk: ThreeLanes) -> None:
    with desk.ledger.transaction() as conn:
        conn.execute(deliveries.delete().where(deliveries.c.applicant_id != "7"))
    desk.sandbox.faults([{"kind": "write_reset"}])
    started = time.monotonic()
    report = desk.deliver(tuning=Tuning(), timeout_seconds=300)
    assert time.monotonic() - started < 150
    assert report.problems == []
    assert desk.statuses(INTEGRATIONS[0]) == {"in_doubt": 1}
