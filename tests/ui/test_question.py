"""A row in doubt is put to a person in Airflow's UI and on our page, and ends as the person answered."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from include.demo.environment import DAG_ID
from tests.ui.conftest import RunningAirflow, wait_until

INTEGRATION = "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"
ASK, RESOLVE = "kombo_ask_in_doubt", "kombo_resolve_in_doubt"
_NUMBERS = count(1)
PRESSES = 5


@pytest.fixture
def lost() -> str:
    """An applicant of the test's own."""
    return f"A-lost-{next(_NUMBERS)}"


@pytest.fixture
def question(airflow: RunningAirflow, lost: str) -> str:
    """A create was executed and its connection cut, no look-up finds it: the run that asks about it."""
    airflow.sandbox.config(visibility_of_lost="never")
    airflow.sandbox.faults([{"kind": "write_reset", "count": 1, "match": {"email": _email(lost)}}])
    airflow.execute(
        "INSERT INTO applicants (applicant_id, integration_id, job_id, changed_at, candidate__first_name,"
        " candidate__last_name, candidate__email_address) VALUES (?, ?, '7sWpGf2XkLr9TzQn4VbHyJ6c', ?, 'Lost',"
        " 'Answer', ?)",
        (lost, INTEGRATION, datetime.now(UTC).isoformat(sep=" "), _email(lost)),
    )
    _end(airflow, DAG_ID, airflow.trigger(DAG_ID, {"applicant_ids": [lost], "window": "all"}))
    assert _status(airflow, lost) == "in_doubt"
    assert _end(airflow, RESOLVE, airflow.trigger(RESOLVE, {})) == "success"
    assert _status(airflow, lost) == "in_doubt"
    long_ago = (datetime.now(UTC) - timedelta(hours=1)).replace(tzinfo=None).isoformat(" ", "microseconds")
    airflow.execute("UPDATE kombo_deliveries SET sent_at = ? WHERE applicant_id = ?", (long_ago, lost))
    run_id = airflow.trigger(ASK, {})
    wait_until(lambda: _asked(airflow, run_id), "no question was put")
    return run_id


def test_a_persons_answer_in_the_ui_settles_the_row(
    page: Page, airflow: RunningAirflow, question: str, lost: str
) -> None:
    page.goto(f"{airflow.url}/dags/{ASK}/runs/{question}/tasks/ask/mapped/0/required_actions")
    body = page.locator("body")
    expect(body).to_contain_text(lost)
    expect(body).to_contain_text(INTEGRATION)
    assert _email(lost) not in body.inner_text()
    _press_until_it_is_taken(page, "They were sent")
    _settled_by_the_person(airflow, lost)
    assert _end(airflow, ASK, question) == "success"


def test_an_answer_on_the_page_kombo_settles_the_row_and_stands_in_airflows_audit_log(
    page: Page, airflow: RunningAirflow, question: str, lost: str
) -> None:
    page.goto(f"{airflow.url}/plugin/kombo?dag={DAG_ID}&source=demo.applicants&lane={INTEGRATION}")
    asked = page.get_by_label("Question", exact=True)
    expect(asked).to_contain_text(f"1 application in doubt for {INTEGRATION}")
    page.get_by_label("Ids in the ATS").fill(f"{lost} = ats-{lost}")
    asked.get_by_role("button", name="They were sent").click()
    expect(asked).to_have_count(0)
    _settled_by_the_person(airflow, lost)
    ids = airflow.execute("SELECT kombo_application_remote_id FROM kombo_deliveries WHERE applicant_id = ?", (lost,))
    assert ids == [(f"ats-{lost}",)]
    assert _end(airflow, ASK, question) == "success"
    lines = airflow.get(f"/eventLogs?dag_id={ASK}&run_id={quote(question)}")["event_logs"]
    answers = [line for line in lines if line["event"] == "update_hitl_detail"]
    assert [bool(line["owner"]) for line in answers] == [True]


def _press_until_it_is_taken(page: Page, name: str) -> None:
    """Press as a person does: again where Airflow's SQLite was busy, or the page not ready yet."""
    button = page.get_by_role("button", name=name)
    for _ in range(PRESSES):
        with suppress(PlaywrightTimeout):
            with page.expect_response(lambda answer: answer.request.method == "PATCH", timeout=30_000) as heard:
                button.click()
            if heard.value.ok:
                return
    pytest.fail(f"Airflow did not take the answer {name} in {PRESSES} tries")


def _settled_by_the_person(airflow: RunningAirflow, lost: str) -> None:
    wait_until(lambda: _status(airflow, lost) == "delivered", "the answer was not carried out")
    rows = airflow.execute("SELECT resolution FROM kombo_deliveries WHERE applicant_id = ?", (lost,))
    assert rows == [("human",)]
    actors = airflow.execute(
        "SELECT actor_name FROM kombo_delivery_events WHERE applicant_id = ? ORDER BY event_id", (lost,)
    )
    assert actors[-1][0] not in (None, "nobody answered in time")


def _email(lost: str) -> str:
    return f"{lost}@example.com".lower()


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


def _status(airflow: RunningAirflow, lost: str) -> str | None:
    rows = airflow.execute("SELECT status FROM kombo_deliveries WHERE applicant_id = ?", (lost,))
    return str(rows[0][0]) if rows else None
