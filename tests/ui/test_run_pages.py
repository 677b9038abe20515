"""What a person sees of a run: the form that starts it, its tasks, the report, and what to do about a failure."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from include.demo.applicants import JOBS
from include.demo.environment import DAG_ID
from tests.ui.conftest import RunningAirflow, names_of_applicants, wait_until

*CHOSEN, REFUSED = JOBS
LIMIT = 40
CODE = "INTEGRATION.AUTHENTICATION_INVALID"


@pytest.fixture(scope="module")
def started(airflow: RunningAirflow, context: BrowserContext) -> str:
    """A run started with the form, for all integrations but the one that Kombo refuses; one of all is queued behind."""
    page = context.new_page()
    page.goto(f"/dags/{DAG_ID}")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    form.locator("[name=element_integration_ids]").fill("\n".join(CHOSEN))
    form.locator("[name=element_limit]").fill(str(LIMIT))
    form.locator("[name=element_limit]").press("Tab")
    form.get_by_role("button", name="Trigger", exact=True).click()
    page.wait_for_url(re.compile("/runs/"))
    run_id = unquote(page.url.rpartition("/runs/")[2])
    page.close()
    airflow.sandbox.faults([{"kind": "error", "code": CODE, "match": {"integration_id": REFUSED}}])
    asked = {"logical_date": None, "dag_run_id": "refused", "conf": {"limit": LIMIT}}
    airflow.call("POST", f"/dags/{DAG_ID}/dagRuns", asked).raise_for_status()
    return run_id


@pytest.fixture(scope="module")
def run_id(airflow: RunningAirflow, started: str) -> str:
    assert airflow.wait_for(started) == "success"
    return started


@pytest.fixture(scope="module")
def failed_run_id(airflow: RunningAirflow, started: str) -> str:
    assert airflow.wait_for("refused") == "failed"
    return "refused"


def test_the_form_explains_its_params_and_requires_none_but_the_window(
    page: Page, shoot: Callable[[str], None]
) -> None:
    page.set_viewport_size({"width": 1280, "height": 1500})
    page.goto(f"/dags/{DAG_ID}")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")

    expect(form.get_by_text("Stage and send only rows of these integrations.")).to_be_visible()
    expect(form.get_by_text("Which source rows to take, by changed_at.")).to_be_visible()
    names = ("window", "integration_ids", "applicant_ids", "limit", "dry_run", "replay", "refill", "confirm_rows")
    labels = [form.locator("label").filter(has_text=re.compile(rf"^{name}\W*$")).inner_text() for name in names]
    assert [label for label in labels if "*" in label] == [labels[0]]
    shoot("trigger-form")


def test_the_dags_documentation_is_rendered(page: Page) -> None:
    page.goto(f"/dags/{DAG_ID}")
    page.get_by_role("button", name="Dag Docs").click()

    text = page.get_by_role("dialog")
    expect(text.get_by_role("heading", name="Applicants of demo.applicants into Kombo")).to_be_visible()
    expect(text.get_by_role("listitem").filter(has_text="Running again is always safe")).to_be_visible()


def test_mapped_tasks_are_named_by_their_integration(
    page: Page, airflow: RunningAirflow, run_id: str, shoot: Callable[[str], None]
) -> None:
    page.goto(airflow.page_of(run_id))

    for integration_id in CHOSEN:
        expect(page.get_by_role("row").filter(has_text=integration_id)).to_contain_text("Success")
    shoot("mapped-tasks")


def test_a_green_deliver_task_says_what_it_sent(page: Page, airflow: RunningAirflow, run_id: str) -> None:
    task = next(task for task in airflow.tasks(run_id) if task["rendered_map_index"].startswith(CHOSEN[0]))
    page.goto(airflow.page_of(run_id, task))

    expect(page.get_by_text(re.compile(rf"{CHOSEN[0]}: delivered \d+"))).to_be_visible()


def test_the_report_is_in_the_log_of_its_task_and_on_its_xcom_page(
    page: Page, airflow: RunningAirflow, run_id: str, shoot: Callable[[str], None]
) -> None:
    report = next(task for task in airflow.tasks(run_id) if task["task_id"] == "report")
    page.goto(airflow.page_of(run_id, report))
    expect(page.get_by_text(f"Source rows: extracted {LIMIT}, new")).to_be_visible()
    for integration_id in CHOSEN:
        expect(page.get_by_text(re.compile(rf"{integration_id}: \d+ delivered"))).to_be_visible()

    page.goto(airflow.page_of(run_id, report, "xcom"))
    page.get_by_role("button", name="Expand").click()
    value = page.get_by_role("row").filter(has_text="return_value")
    expect(value).to_contain_text(f'"extracted": {LIMIT},')
    shoot("report")


def test_no_page_of_a_run_holds_an_applicant(page: Page, airflow: RunningAirflow, run_id: str) -> None:
    applicants = names_of_applicants(airflow.files.warehouse)
    assert len(applicants) > 1000
    for task in airflow.tasks(run_id):
        page.goto(airflow.page_of(run_id, task, "rendered_templates"))
        expect(page.get_by_role("link", name="Rendered Templates")).to_be_visible()
        page.wait_for_load_state("networkidle")
        shown = page.locator("body").inner_text()
        path = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{task['task_id']}"
        at = f"map_index={task['map_index']}"
        assert task["task_id"] in shown
        shown += airflow.call("GET", f"{path}/logs/{task['try_number']}?{at}").text
        for entry in airflow.get(f"{path}/xcomEntries?{at}")["xcom_entries"]:
            shown += airflow.call("GET", f"{path}/xcomEntries/{entry['key']}?{at}").text
        assert not {value for value in applicants if value in shown}


def test_a_refused_integration_has_a_link_to_kombos_log_and_the_others_have_none(
    page: Page, airflow: RunningAirflow, failed_run_id: str
) -> None:
    for task in [task for task in airflow.tasks(failed_run_id) if task["task_id"] == "deliver"]:
        page.goto(airflow.page_of(failed_run_id, task, "details"))
        expect(page.get_by_text("Run ID")).to_be_visible()
        page.wait_for_load_state("networkidle")
        link = page.get_by_role("link", name="Kombo log")
        if task["rendered_map_index"].startswith(REFUSED):
            expect(link).to_have_attribute("href", re.compile(r"/_sandbox/log/\w+"))
        else:
            assert link.count() == 0


def test_the_error_of_a_failed_task_says_what_to_do(page: Page, airflow: RunningAirflow, failed_run_id: str) -> None:
    tasks = airflow.tasks(failed_run_id)
    refused = next(task for task in tasks if task["rendered_map_index"].startswith(REFUSED))
    report = next(task for task in tasks if task["task_id"] == "report")

    page.goto(airflow.page_of(failed_run_id, refused))
    expect(page.get_by_text(f"LaneBlockedError: Integration {REFUSED} stopped")).to_contain_text(CODE)
    expect(page.get_by_text("Correct it in Kombo's dashboard, then run the DAG again")).to_be_visible()

    page.goto(airflow.page_of(failed_run_id, report))
    expect(page.get_by_text(f"Tasks failed: deliver [{REFUSED}].").first).to_be_visible()


def test_the_form_starts_a_backfill(page: Page, airflow: RunningAirflow, shoot: Callable[[str], None]) -> None:
    page.set_viewport_size({"width": 1280, "height": 1100})
    page.goto(f"/dags/{DAG_ID}")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    form.get_by_text("Backfill", exact=True).first.click()
    for _ in ("from", "to"):
        form.get_by_text("Select date and time").first.click()
        page.get_by_placeholder("YYYY/MM/DD").last.fill("2026/01/01")
        page.get_by_placeholder("HH:mm").last.fill("00:00")
        page.get_by_placeholder("HH:mm").last.press("Enter")
        form.get_by_text("Date Range").click()
    expect(form.get_by_text("1 run will be triggered")).to_be_visible()
    shoot("backfill-form")
    form.get_by_role("button", name="Run Backfill").click()
    wait_until(lambda: _backfill_runs(airflow), "no run of the backfill was made")
    (run,) = _backfill_runs(airflow)
    if os.environ.get("KOMBO_SCREENSHOTS"):  # a quick machine ends the run before the page is there
        page.set_viewport_size({"width": 1280, "height": 500})
        page.goto(f"/dags/{DAG_ID}/runs?run_type=backfill")
        expect(page.get_by_text("Backfill in progress")).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="Running").first).to_be_visible()
        shoot("backfill-running")
    airflow.wait_for(quote(run["dag_run_id"]))  # red where an integration is refused, as an earlier test leaves it
    stage = airflow.get(f"/dags/{DAG_ID}/dagRuns/{quote(run['dag_run_id'])}/taskInstances/stage")
    assert stage["state"] == "success"


def _backfill_runs(airflow: RunningAirflow) -> list[dict[str, Any]]:
    return list(airflow.get(f"/dags/{DAG_ID}/dagRuns?run_type=backfill")["dag_runs"])
