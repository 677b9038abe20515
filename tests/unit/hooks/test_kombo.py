"""The hook: a connection as a client, its Test button, and the form that Airflow shows for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from kombo_provider import operators
from kombo_provider.client import OutcomeClass
from kombo_provider.client.settings import EXTRAS, ConnectionSettings
from kombo_provider.errors import ConfigurationError
from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.provider_info import get_provider_info
from tests.unit.client.scripted_server import APPLICATION, Peer, ScriptedServer, answers, error, http_answer, success

API_KEY = "secret-key-1"


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Store a connection and return a hook for it."""

    def store(**fields: Any) -> KomboHook:
        connection = {"conn_type": "kombo", "password": API_KEY, "port": 443} | fields
        monkeypatch.setenv("AIRFLOW_CONN_KOMBO_DEFAULT", json.dumps(connection))
        return KomboHook()

    return store


@pytest.fixture
def kombo() -> Iterator[Any]:
    """Start a server that answers each path with (status, body)."""
    servers: list[ScriptedServer] = []

    def start(**answers_by_path: tuple[int, Any]) -> ScriptedServer:
        def script(peer: Peer) -> None:
            while True:
                name = peer.read_request().target.split("?")[0].split("/")[2].replace("-", "_")
                peer.send(http_answer(*answers_by_path[name]))

        servers.append(ScriptedServer(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def test_making_a_hook_reads_no_connection() -> None:
    assert KomboHook(kombo_conn_id="does_not_exist").kombo_conn_id == "does_not_exist"


def test_a_connection_becomes_settings_and_its_port_is_ignored(connect: Any) -> None:
    extra = {"region": "us", "integration_id": "workday:1", "max_in_flight": 5, "timeout_seconds": 60}

    assert connect(extra=extra).get_settings() == ConnectionSettings(
        "https://api.us.kombo.dev/v1", API_KEY, "workday:1", 5, 60.0
    )


def test_a_wrong_connection_is_an_error_that_names_it_without_its_key(connect: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Connection 'kombo_default': .*'regoin'.*'region'") as caught:
        connect(extra={"regoin": "us"}).get_conn()
    assert API_KEY not in str(caught.value)


def test_a_connection_whose_extra_is_not_json_is_an_error_and_not_silently_empty(connect: Any) -> None:
    with pytest.raises(ConfigurationError, match="not valid JSON"):
        connect(extra="{region").get_conn()


def test_a_hook_gives_one_client(connect: Any) -> None:
    hook = connect()
    assert hook.get_conn() is hook.get_conn()


def test_an_application_is_created_and_its_outcome_returned(connect: Any) -> None:
    server = ScriptedServer(answers(200, APPLICATION))
    hook = connect(host=server.base_url, extra={"integration_id": "workday:1"})

    named = hook.create_application("lever:2", "job", {"candidate": {"first_name": "Zoë"}})
    hook.create_application(None, "job", {})

    assert (named.outcome_class, named.ids.application_id) == (OutcomeClass.EXECUTED, "app-1")
    assert json.loads(server.requests[0].body) == {"candidate": {"first_name": "Zoë"}}
    assert [request.headers["x-integration-id"] for request in server.requests] == ["lever:2", "workday:1"]
    server.close()


def test_a_candidate_gets_its_job_into_the_body(connect: Any) -> None:
    server = ScriptedServer(answers(200, success({"id": "c", "applications": [{"id": "a"}]})))
    hook = connect(host=server.base_url)

    outcome = hook.create_candidate("t:1", "remote:7", {"candidate": {}, "application": {"stage_id": "s"}})

    assert json.loads(server.requests[0].body)["application"] == {"stage_id": "s", "job_id": "remote:7"}
    assert (outcome.ids.candidate_id, outcome.ids.application_id) == ("c", "a")
    server.close()


@pytest.mark.parametrize("endpoint", ["application", "candidate"])
def test_a_create_says_in_docstring_and_log_that_it_goes_around_the_ledger(
    connect: Any, endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = ScriptedServer(answers(200, APPLICATION))
    hook = connect(host=server.base_url, extra={"integration_id": "t:1"})
    create = getattr(hook, f"create_{endpoint}")

    for _ in range(2):
        create(None, "job", {"candidate": {"first_name": "Zoë"}})

    (said,) = [record.getMessage() for record in caplog.records if "ledger" in record.getMessage()]
    assert said.startswith(f"create_{endpoint} goes around the ledger")
    assert f"KomboCreate{endpoint.capitalize()}Operator" in said
    assert "goes around the ledger" in create.__doc__
    server.close()


@pytest.mark.parametrize("name", ["applications", "candidates", "jobs"])
def test_reads_pass_their_filters_on(connect: Any, name: str) -> None:
    server = ScriptedServer(answers(200, success({"next": None, "results": [{"id": "1"}]})))
    hook = connect(host=server.base_url, extra={"integration_id": "t:1"})

    assert list(getattr(hook, name)(ids=["1", "2"])) == [{"id": "1"}]
    assert server.requests[0].target == f"/v1/ats/{name}?page_size=250&ids=1%2C2"
    server.close()


def test_a_call_without_any_integration_says_where_to_name_one(connect: Any) -> None:
    with pytest.raises(ConfigurationError, match="extra 'integration_id' of 'kombo_default'"):
        connect().create_application(None, "job", {})


KEY_WORKS = (200, success({"environment_id": "env-1"}))


def test_the_test_button_names_the_environment(connect: Any, kombo: Any) -> None:
    server = kombo(check_api_key=KEY_WORKS)

    ok, message = connect(host=server.base_url).test_connection()

    assert ok
    assert "environment env-1" in message
    assert "each row has to name its own" in message


@pytest.mark.parametrize(
    ("integration", "expected", "part"),
    [
        ({"status": "ACTIVE", "setup_status": "COMPLETED", "tool": {"label": "Workday"}}, True, "(Workday) is ACTIVE"),
        ({"status": "ACTIVE", "setup_status": "FINAL_SYNC_PENDING"}, True, "first sync"),
        ({"status": "ACTIVE", "setup_status": "INCOMPLETE"}, False, "finish its setup"),
        ({"status": "INVALID", "tool": None}, False, "connect it again"),
        ({"status": "INACTIVE", "tool": {"label": 5}}, False, "switch it on"),
        ({}, True, "known"),
    ],
)
def test_the_test_button_tells_an_integrations_state(
    connect: Any, kombo: Any, integration: dict[str, Any], expected: bool, part: str
) -> None:
    server = kombo(check_api_key=KEY_WORKS, integrations=(200, success(integration)))

    ok, message = connect(host=server.base_url, extra={"integration_id": "workday:1"}).test_connection()

    assert ok is expected
    assert part in message
    assert "workday:1" in message


def test_the_test_button_says_what_to_do_about_a_refused_key(connect: Any, kombo: Any) -> None:
    server = kombo(check_api_key=(401, error("PLATFORM.AUTHENTICATION_INVALID")))

    ok, message = connect(host=server.base_url).test_connection()

    assert not ok
    assert "Put a valid API key" in message
    assert API_KEY not in message


def test_the_test_button_says_what_to_do_about_an_unknown_integration(connect: Any, kombo: Any) -> None:
    missing = (404, error("PLATFORM.INTEGRATION_NOT_FOUND"))
    server = kombo(check_api_key=KEY_WORKS, integrations=missing)

    ok, message = connect(host=server.base_url, extra={"integration_id": "workday:1"}).test_connection()

    assert not ok
    assert "Check the integration id" in message


def test_the_test_button_reports_wrong_settings(connect: Any) -> None:
    ok, message = connect(password="").test_connection()

    assert not ok
    assert message.startswith("Connection 'kombo_default': The connection has no API key: put the key")


def test_the_test_button_reports_a_missing_connection_without_raising() -> None:
    ok, message = KomboHook(kombo_conn_id="does_not_exist").test_connection()

    assert not ok
    assert "There is no Airflow connection 'does_not_exist'" in message


@pytest.mark.parametrize(
    "text", ['{"conn_type": "kombo", "password": "s3cret-key", ', '{"passwort": "s3cret-key"}', "kombo://[:x"]
)
def test_a_connection_variable_that_airflow_cannot_read_is_named_and_not_called_missing(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KOMBO_DEFAULT", text)
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_KOMBO_DEFAULT is set") as failure:
        KomboHook().get_settings()
    assert "s3cret" not in str(failure.value)


def test_the_provider_info_fits_airflows_schema() -> None:
    folder = Path(airflow.__file__).parent
    schema = json.loads((folder / "provider_info.schema.json").read_text())
    fields = json.loads((folder / "provider.yaml.schema.json").read_text())["properties"]["connection-types"]

    jsonschema.validate(get_provider_info(), schema)
    jsonschema.validate(get_provider_info()["connection-types"], fields)


def test_the_provider_info_names_every_module_with_an_operator() -> None:
    folder = Path(operators.__file__).parent
    found = {
        f"kombo_provider.operators.{path.stem}"
        for path in folder.glob("*.py")
        if re.search(r"^class Kombo\w+Operator\(", path.read_text(), re.MULTILINE)
    }
    [named] = get_provider_info()["operators"]
    assert set(named["python-modules"]) == found


def test_the_form_has_a_field_for_each_extra_with_the_clients_defaults() -> None:
    [kind] = get_provider_info()["connection-types"]
    defaults = {name: field["schema"].get("default") for name, field in kind["conn-fields"].items()}

    assert tuple(kind["conn-fields"]) == EXTRAS
    assert ConnectionSettings.parse(password=API_KEY, extra=defaults) == ConnectionSettings.parse(password=API_KEY)
    for name, field in kind["conn-fields"].items():
        for bound in {"minimum", "maximum"} & set(field["schema"]):
            ConnectionSettings.parse(password=API_KEY, extra={name: field["schema"][bound]})


def test_the_form_shows_the_port_since_airflow_cannot_test_a_saved_connection_without_one() -> None:
    behaviour = get_provider_info()["connection-types"][0]["ui-field-behaviour"]

    assert "port" not in behaviour["hidden-fields"]
    assert behaviour["placeholders"]["port"] == "443"


def test_airflow_finds_the_connection_type() -> None:
    [found] = [point for point in entry_points(group="apache_airflow_provider") if "kombo_provider" in point.value]
    assert found.load() is get_provider_info

    hook = ProvidersManagerTaskRuntime().hooks["kombo"]
    assert hook is not None
    assert (hook.hook_name, hook.connection_type, hook.connection_testable) == ("Kombo", "kombo", True)
    assert hook.hook_class_name == "kombo_provider.hooks.kombo.KomboHook"
    manager = ProvidersManager()
    assert {f"extra__kombo__{name}" for name in EXTRAS} <= set(manager.connection_form_widgets)
    assert manager.field_behaviours["kombo"]["relabeling"]["password"] == "API key"
