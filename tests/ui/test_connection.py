"""The connection type Kombo: its form, the Test button, and the same over the REST API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from include.demo.applicants import JOBS
from kombo_sandbox.testing import API_KEY
from tests.ui.conftest import RunningAirflow

INTEGRATION = next(iter(JOBS))
WRONG_KEY = "not-a-key-of-kombo"


def open_form(page: Page, connection_id: str) -> Locator:
    page.goto("/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.locator("[name=connection_id]").fill(connection_id)
    form.get_by_role("combobox").fill("kombo")
    page.get_by_role("option", name="Kombo", exact=True).click()
    return form


def test_the_form_has_kombos_fields_with_their_labels(page: Page, shoot: Callable[[str], None]) -> None:
    page.set_viewport_size({"width": 1280, "height": 960})
    form = open_form(page, "kombo_fields")

    expect(form.get_by_label("API key")).to_have_attribute("type", "password")
    expect(form.get_by_label("API key")).to_have_attribute("placeholder", "from the Secrets page of Kombo's dashboard")
    expect(form.get_by_label("Base URL")).to_be_visible()
    expect(form.get_by_label("Port")).to_have_attribute("placeholder", "443")
    for name in ("Login", "Schema", "Host", "Password"):
        expect(form.get_by_text(name, exact=True)).to_have_count(0)

    form.get_by_role("button", name="Extra Fields", exact=True).click()
    for name, label in {
        "region": "Region",
        "integration_id": "Integration ID",
        "max_in_flight": "Requests in flight",
        "timeout_seconds": "Timeout in seconds",
    }.items():
        expect(form.get_by_text(label, exact=True)).to_be_visible()
        expect(form.locator(f"[name=element_{name}]")).to_have_count(1)
    expect(form.locator("[name=element_max_in_flight]")).to_have_value("30")
    expect(form.locator("[name=element_timeout_seconds]")).to_have_value("300")
    shoot("connection-form")

    form.get_by_role("combobox").last.click()
    expect(page.get_by_role("option")).to_have_text(["eu", "us", "ca"])


@pytest.mark.parametrize(
    ("connection_id", "api_key", "title", "message"),
    [
        ("kombo_right", API_KEY, "Test Connection Successful", f"Integration {INTEGRATION}"),
        ("kombo_wrong", WRONG_KEY, "Test Connection Failed", "Put a valid API key of this region"),
    ],
)
def test_a_connection_is_filled_in_saved_and_tested(
    page: Page, airflow: RunningAirflow, connection_id: str, api_key: str, title: str, message: str
) -> None:
    form = open_form(page, connection_id)
    form.get_by_label("Base URL").fill(airflow.sandbox.url)
    form.get_by_label("API key").fill(api_key)
    form.get_by_label("Port").fill("443")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    form.locator("[name=element_integration_id]").fill(INTEGRATION)
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()

    page.get_by_role("row").filter(has_text=connection_id).get_by_role("button", name="Test Connection").click()

    expect(page.get_by_text(title)).to_be_visible()
    expect(page.get_by_text(message)).to_be_visible()
    assert api_key not in page.content()


def kombo(airflow: RunningAirflow, connection_id: str, **fields: Any) -> dict[str, Any]:
    connection = {"connection_id": connection_id, "conn_type": "kombo", "host": airflow.sandbox.url, "port": 443}
    return connection | {"password": API_KEY} | fields


def test_the_rest_api_stores_a_connection_and_never_shows_its_key(airflow: RunningAirflow) -> None:
    created = airflow.call("POST", "/connections", kombo(airflow, "kombo_rest", extra='{"region": "us"}'))

    assert created.status_code == 201
    assert created.json()["password"] == "***"
    assert airflow.get("/connections/kombo_rest")["password"] == "***"
    assert API_KEY not in airflow.call("GET", "/connections").text


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({}, True, "The API key works, for environment"),
        ({"password": WRONG_KEY}, False, "Put a valid API key of this region"),
        ({"extra": '{"regoin": "us"}'}, False, "has an extra 'regoin' that means nothing here. Did you mean 'region'?"),
        ({"extra": '{"timeout_seconds": 0}'}, False, "'timeout_seconds' has to be a number from 1"),
        ({"password": ""}, False, "The connection has no API key"),
    ],
)
def test_the_rest_api_tests_a_connection(
    airflow: RunningAirflow, fields: dict[str, Any], status: bool, message: str
) -> None:
    answer = airflow.call("POST", "/connections/test", kombo(airflow, "kombo_unsaved", **fields)).json()

    assert answer["status"] is status, answer
    assert message in answer["message"]
    assert WRONG_KEY not in answer["message"]


def test_a_saved_connection_with_a_port_can_be_tested_with_its_hidden_key(airflow: RunningAirflow) -> None:
    airflow.call("POST", "/connections", kombo(airflow, "kombo_saved")).raise_for_status()
    shown = airflow.get("/connections/kombo_saved")

    fields = {name: shown[name] for name in ("connection_id", "conn_type", "host", "port", "password", "extra")}
    answer = airflow.call("POST", "/connections/test", fields)

    assert answer.json()["status"] is True, answer.text
