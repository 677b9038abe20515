"""A row in doubt is put to a person in Airflow's UI, and ends as the person answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from include.demo.environment import DAG_ID
from tests.ui.conftest import RunningAirflow, wait_until

EMAIL = "lost.answer@example.com"
INTEGRATION = "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"
ASK, RESOLVE = "kombo_ask_in_doubt", "kombo_resolve_in_doubt"


@pytest.fixture
def question(airflow: RunningAirflow) -> str:
    """A create was executed and its connection cut, no look-up finds it: the run that asks about it."""
    airflow.sandbox.config(visibility_of_lost="never")
    airflow.sandbox.faults([{"kind": "write_reset", "count": 1, "match": {"email": EMAIL}}])
    airflow.execute(
        "INSERT INTO applicants (applicant_id, integration_id, job_id, changed_at, candidate__first_name,"
        " candidate__last_name, candidate__email_address) VALUES ('A-lost', ?, '7sWpGf2XkLr9TzQn4VbHyJ6c', ?, 'Lost',"
        " 'Answer', ?)",
        (INTEGRATION, datetime.now(UTC).isoformat(sep=" "), EMAIL),
    )
    _end(airflow, DAG_ID, airflow.trigger(DAG_ID, {"applicant_ids": ["A-lost"], "window": "all"}))
    assert _status(airflow) == "in_doubt"
    assert _end(airflow, RESOLVE, airflow.trigger(RESOLVE, {})) == "success"
    assert _status(airflow) == "in_doubt"
    long_ago = (datetime.now(UTC) - timedelta(hours=1)).replace(tzinfo=None).isoformat(" ", "microseconds")
    airflow.execute("UPDATE kombo_deliveries SET sent_at = ? WHERE applicant_id = 'A-lost'", (long_ago,))
    return airflow.trigger(ASK, {})


def test_a_persons_answer_in_the_ui_settles_the_row(page: Page, airflow: RunningAirflow, question: str) -> None:
    wait_until(lambda: _asked(airflow, question), "no question was put")
    page.goto(f"{airflow.url}/dags/{ASK}/runs/{question}/tasks/ask/mapped/0/required_actions")
    body = page.locator("body")
    expect(body).to_contain_text("A-lost")
    expect(body).to_contain_text(INTEGRATION)
    text = body.inner_text()
    assert EMAIL not in text
    page.locator("textarea").fill("A-lost = seen-in-the-ats")
    page.get_by_role("button", name="They were sent").click()
    wait_until(lambda: _status(airflow) == "delivered", "the answer was not carried out")
    columns = "resolution, kombo_application_remote_id"
    rows = airflow.execute(f"SELECT {columns} FROM kombo_deliveries WHERE applicant_id = 'A-lost'")
    assert rows == [("human", "seen-in-the-ats")]
    actors = airflow.execute(
        "SELECT actor_name FROM kombo_delivery_events WHERE applicant_id = 'A-lost' ORDER BY event_id"
    )
    assert actors[-1][0] not in (None, "nobody answered in time")
    assert _end(airflow, ASK, question) == "success"


def _end(airflow: RunningAirflow, dag_id: str, run_id: str) -> str:
    found: list[str] = []

    def ended() -> bool:
        found[:] = [str(airflow.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])]
        return found[0] in {"success", "failed"}

    wait_until(ended, f"{dag_id} did not end")
    return found[0]


def _asked(airflow: RunningAirflow, run_id: str) -> bool:
    tasks = airflow.get(f"/dags/{ASK}/dagRuns/{run_id}/taskInstances")["task_instances"]
    return any(task["task_id"] == "ask" and task["state"] in {"awaiting_input", "deferred"} for task in tasks)


def _status(airflow: RunningAirflow) -> str | None:
    rows = airflow.execute("SELECT status FROM kombo_deliveries WHERE applicant_id = 'A-lost'")
    return str(rows[0][0]) if rows else None
