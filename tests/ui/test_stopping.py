"""A `deliver` task is stopped while it sends: what is on the wire is in doubt, a later try sends just the rest."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine

from include.demo.environment import DAG_ID
from kombo_provider.ledger import Ledger
from tests.ui.conftest import RunningAirflow, wait_until

SLOW, QUICK = 5, 120
"""Applicants that Kombo takes ten minutes for, and those it takes two seconds for."""
IN_FLIGHT = 12
"""Less than half of Kombo's 30: beside what is still executing, a later try has room at once."""
STOP_SECONDS = 120.0
"""Airflow notices at a heartbeat, every 5 s, and kills 5 s later; the rest is for a busy machine."""
POD_LATENCY_SECONDS, POD_GRACE_SECONDS = 20.0, 120.0


@dataclass
class Push:
    """A run that sends for an integration of the test's own: what ledger, sandbox and Airflow know of it."""

    airflow: RunningAirflow
    integration_id: str
    run_id: str = ""

    def start(self) -> None:
        self.run_id = self.airflow.trigger(DAG_ID, {"integration_ids": [self.integration_id], "window": "all"})

    def ask(self, sql: str) -> list[Any]:
        return [row[0] for row in self.airflow.execute(f"{sql} AND integration_id = ?", (self.integration_id,))]

    def rows(self, status: str) -> set[str]:
        return set(self.ask(f"SELECT applicant_id FROM kombo_deliveries WHERE status = '{status}'"))

    def slow_rows(self) -> set[str]:
        return set(self.ask("SELECT applicant_id FROM applicants WHERE candidate__first_name = 'slow'"))

    def is_held(self) -> bool:
        return bool(self.ask("SELECT 1 FROM kombo_lanes WHERE lease_holder IS NOT NULL"))

    def has_stopped(self) -> bool:
        return not self.rows("sending") and not self.is_held()

    def creates(self) -> dict[str, int]:
        """How often each e-mail address was created; the sandbox executes a create as soon as it comes."""
        found = self.airflow.sandbox.creates()
        return {email: count for (at, _, email), count in found.items() if at == self.integration_id}

    def task(self) -> dict[str, Any]:
        found: dict[str, Any] = self.airflow.get(self.task_path())
        return found

    def state(self) -> str | None:
        """The task's state, None before it was mapped."""
        answer = self.airflow.call("GET", self.task_path())
        return answer.json()["state"] if answer.ok else None

    def task_path(self) -> str:
        return f"/dags/{DAG_ID}/dagRuns/{self.run_id}/taskInstances/deliver/0"

    def reported(self) -> dict[str, Any]:
        """The numbers that the run's report left."""
        entry = self.airflow.get(f"/dags/{DAG_ID}/dagRuns/{self.run_id}/taskInstances/report/xcomEntries/report")
        value = entry["value"]
        return dict(json.loads(value) if isinstance(value, str) else value)

    def clear_task(self) -> None:
        body = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": [["deliver", 0]], "only_failed": False}
        self.airflow.call("POST", f"/dags/{DAG_ID}/clearTaskInstances", body).raise_for_status()

    def serve(self, *, latency_seconds: float) -> None:
        """Let the sandbox know the integration; what it makes is not shown, so no look-up of other tests finds it."""
        sandbox, own = self.airflow.sandbox, {"execute_at": 0, "visibility": "never", "accept_unknown_jobs": True}
        served = [*sandbox.config()["integrations"], self.integration_id]
        sandbox.config(
            integrations=served, per_integration={self.integration_id: own | {"latency_seconds": latency_seconds}}
        )

    def forget(self) -> None:
        for table in ("applicants", "kombo_deliveries", "kombo_delivery_events", "kombo_lanes"):
            self.ask(f"DELETE FROM {table} WHERE true")
        sandbox = self.airflow.sandbox
        left = [name for name in sandbox.config()["integrations"] if name != self.integration_id]
        sandbox.config(integrations=left, per_integration={self.integration_id: None})

    def let_it_be_quick(self) -> None:
        self.airflow.sandbox.config(per_integration={self.integration_id: {"latency_seconds": 0.05}})


@pytest.fixture
def push(airflow: RunningAirflow) -> Iterator[Push]:
    """A push whose slow requests are on the wire, while quick ones come and go beside them."""
    push = Push(airflow, f"greenhouse:{uuid4().hex}")
    push.serve(latency_seconds=2)
    match = {"integration_id": push.integration_id, "email": "slow-*"}
    airflow.sandbox.faults([{"kind": "late", "seconds": 600, "count": SLOW, "match": match}])
    apply(push)
    try:
        _start_with_few_in_flight(push)
        yield push
    finally:
        push.forget()


def test_a_task_marked_as_failed_leaves_what_is_on_the_wire_in_doubt_and_the_rest_to_the_next_run(push: Push) -> None:
    push.airflow.call("PATCH", push.task_path(), {"new_state": "failed"}).raise_for_status()
    wait_until(push.has_stopped, "it sends on", STOP_SECONDS)
    created = push.creates()
    assert push.slow_rows() <= push.rows("in_doubt")
    assert len(push.rows("in_doubt")) <= IN_FLIGHT
    assert push.rows("ready")
    assert push.airflow.wait_for(push.run_id) == "failed"
    assert push.task()["state"] == "failed"
    reported = push.reported()["by_status"]
    assert (reported["in_doubt"], reported["ready"]) == (len(push.rows("in_doubt")), len(push.rows("ready")))
    assert "sending" not in reported, "write_back waits until deliver, which Airflow calls failed already, has stopped"
    assert push.creates() == created
    push.let_it_be_quick()
    stopped, claims = push.run_id, _claims(push, push.run_id)
    push.start()
    assert push.airflow.wait_for(push.run_id) == "success"
    assert _claims(push, stopped) == claims
    _assert_each_was_sent_once(push)


def test_a_task_cleared_while_it_sends_stops_and_its_next_try_sends_the_rest(push: Push) -> None:
    push.clear_task()
    wait_until(lambda: push.slow_rows() <= push.rows("in_doubt"), "it sends on", STOP_SECONDS)
    assert len(push.rows("in_doubt")) <= IN_FLIGHT
    assert push.rows("ready")
    _assert_the_next_try_sends_the_rest_at_once(push)


def test_a_killed_task_that_is_cleared_takes_its_lane_over_from_its_former_try(push: Push) -> None:
    os.kill(push.task()["pid"], signal.SIGKILL)
    wait_until(lambda: push.task()["state"] == "up_for_retry", "it lives")
    assert push.is_held()
    push.clear_task()
    _assert_the_next_try_sends_the_rest_at_once(push)


def test_a_pods_end_leaves_nobody_in_doubt_who_is_answered_within_its_grace(airflow: RunningAirflow) -> None:
    push = Push(airflow, f"greenhouse:{uuid4().hex}")
    push.serve(latency_seconds=POD_LATENCY_SECONDS)
    try:
        apply(push)
        push.start()
        wait_until(lambda: len(push.creates()) > IN_FLIGHT, "nothing is sent")
        os.killpg(push.task()["pid"], signal.SIGTERM)
        wait_until(push.has_stopped, "it waits for the answers first", POD_LATENCY_SECONDS)
        created, answered = push.creates(), push.rows("delivered")
        assert len(push.rows("in_doubt")) == len(created) - len(answered) >= IN_FLIGHT
        wait_until(lambda: not push.rows("in_doubt"), "late answers are not recorded", POD_GRACE_SECONDS)
        assert (len(push.rows("delivered")), push.creates()) == (len(created), created)
        push.let_it_be_quick()
        assert push.airflow.wait_for(push.run_id) == "success"
        _assert_each_was_sent_once(push)
    finally:
        push.forget()


def test_a_task_that_finds_its_lane_held_waits_without_a_worker_slot(airflow: RunningAirflow) -> None:
    push = Push(airflow, f"greenhouse:{uuid4().hex}")
    push.serve(latency_seconds=0.05)
    Ledger(create_engine(f"sqlite:///{airflow.files.warehouse}")).ensure()  # this may be the first run
    push.airflow.execute(
        "INSERT INTO kombo_lanes (kombo_conn_id, integration_id, lease_holder, lease_epoch)"
        " VALUES ('kombo_default', ?, 'another run', 1)",
        (push.integration_id,),
    )
    try:
        apply(push)
        _hold_lane(push, timedelta(minutes=1))
        push.start()
        wait_until(lambda: _waits_while_the_lane_is_held(push), "it does not wait")
        assert not push.creates()
        _hold_lane(push, timedelta())
        assert push.airflow.wait_for(push.run_id) == "success"
        assert len(push.rows("delivered")) == SLOW + QUICK
    finally:
        push.forget()


def _waits_while_the_lane_is_held(push: Push) -> bool:
    _hold_lane(push, timedelta(minutes=1))
    return push.state() == "up_for_reschedule"


def _sends_on_without_waiting(push: Push) -> bool:
    assert push.state() != "up_for_reschedule", "the next try waits for the lane"
    return not push.rows("ready")


def _hold_lane(push: Push, longer: timedelta) -> None:
    expires_at = (datetime.now(UTC) + longer).strftime("%Y-%m-%d %H:%M:%S.%f")
    push.airflow.execute(
        "UPDATE kombo_lanes SET lease_expires_at = ? WHERE integration_id = ?", (expires_at, push.integration_id)
    )


def _assert_the_next_try_sends_the_rest_at_once(push: Push) -> None:
    push.let_it_be_quick()
    wait_until(lambda: _sends_on_without_waiting(push), "it does not send on")
    push.airflow.wait_for(push.run_id)
    assert (push.task()["state"], push.task()["try_number"]) == ("success", 2)
    assert push.slow_rows() <= push.rows("in_doubt")
    _assert_each_was_sent_once(push)


def _assert_each_was_sent_once(push: Push) -> None:
    assert push.has_stopped()
    assert len(push.rows("delivered") | push.rows("in_doubt")) == SLOW + QUICK
    assert list(push.creates().values()) == [1] * (SLOW + QUICK)
    assert push.integration_id not in push.airflow.sandbox.stats()["concurrency_rejected"]


def apply(push: Push) -> None:
    """Put the applicants into the warehouse: a quick one first, whose answer opens the lane, then the slow ones."""
    for number, kind in enumerate(["quick", *["slow"] * SLOW, *["quick"] * (QUICK - 1)]):
        push.airflow.execute(
            "INSERT INTO applicants (applicant_id, integration_id, job_id, changed_at, candidate__first_name,"
            " candidate__last_name, candidate__email_address) VALUES (?, ?, 'job', ?, ?, 'Stopped', ?)",
            (
                f"{push.integration_id}-{number:03}",
                push.integration_id,
                datetime.now(UTC).isoformat(sep=" "),
                kind,
                f"{kind}-{number:03}@example.com",
            ),
        )


def _start_with_few_in_flight(push: Push) -> None:
    """Start the run and return once it sends; tasks that start later have the connection as it was."""
    _set_extra(push.airflow, json.dumps({"max_in_flight": IN_FLIGHT}))
    try:
        push.start()
        wait_until(lambda: _begun(push, "slow") == SLOW and _begun(push, "quick") > IN_FLIGHT, "nothing is sent")
    finally:
        _set_extra(push.airflow, None)


def _set_extra(airflow: RunningAirflow, extra: str | None) -> None:
    body = {"connection_id": "kombo_default", "conn_type": "kombo", "extra": extra}
    airflow.call("PATCH", "/connections/kombo_default?update_mask=extra", body).raise_for_status()


def _begun(push: Push, kind: str) -> int:
    return sum(email.startswith(kind) for email in push.creates())


def _claims(push: Push, run_id: str) -> int:
    """How many times the run put a row on the wire."""
    return len(push.ask(f"SELECT 1 FROM kombo_delivery_events WHERE to_status = 'sending' AND run_id = '{run_id}'"))
