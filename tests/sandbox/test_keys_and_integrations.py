"""API keys, environments, integrations and their states."""

from __future__ import annotations

import pytest
from kombo import Kombo
from kombo.errors import KomboAtsError, KomboGeneralError

from kombo_sandbox.errors import STATUS_AND_TITLE
from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import INTEGRATION, Api, person, refusal
from tests.waiting import PATIENCE_SECONDS


def test_the_sdk_checks_the_key(sandbox: Sandbox, sdk: Kombo) -> None:
    assert sdk.general.check_api_key().data.environment_id == "env-sandbox"


def test_a_wrong_key_is_refused_everywhere(sandbox: Sandbox) -> None:
    sdk = Kombo(api_key="wrong", integration_id=INTEGRATION, server_url=sandbox.url)
    with pytest.raises(KomboGeneralError) as general:
        sdk.general.check_api_key()
    with pytest.raises(KomboAtsError) as ats:
        sdk.ats.create_application(job_id="1", candidate=person())
    for error in (general.value, ats.value):
        assert error.status_code == 401
        assert error.data.error.code == "PLATFORM.AUTHENTICATION_INVALID"


def test_more_keys_have_environments_of_their_own(sandbox: Sandbox) -> None:
    sandbox.config(keys={"other-key": "env-2"}, per_integration={INTEGRATION: {"environment_id": "env-2"}})
    with Api(sandbox.url, key="other-key") as other, Api(sandbox.url) as first:
        assert other.get("/check-api-key").json()["data"] == {"environment_id": "env-2"}
        assert other.create().status_code == 200
        assert refusal(first.create())[1] == "PLATFORM.INTEGRATION_NOT_FOUND"
    sandbox.config(keys={"other-key": None})
    with Api(sandbox.url, key="other-key") as other:
        assert other.get("/check-api-key").status_code == 401


def test_the_sdk_reads_an_integration(sandbox: Sandbox, sdk: Kombo) -> None:
    sandbox.config(unsupported_fields=["candidate.gender"])
    shown = sdk.general.get_integration_details(integration_id=INTEGRATION).data
    assert (shown.id, shown.tool.id, shown.status, shown.setup_status) == (
        INTEGRATION, "workday", "ACTIVE", "COMPLETED",
    )  # fmt: skip
    action = next(action for action in shown.write_actions if action.id == "ats_create_application")
    assert action.is_available
    assert [field.id for field in action.fields if not field.is_available] == ["candidate.gender"]


@pytest.mark.parametrize("integration_id", ["workday", ":x", "workday:"])
def test_an_id_without_tool_and_rest_is_unknown(sandbox: Sandbox, integration_id: str) -> None:
    with Api(sandbox.url, integration_id=integration_id) as api:
        assert refusal(api.create())[:2] == (404, "PLATFORM.INTEGRATION_NOT_FOUND")
        assert api.get(f"/integrations/{integration_id}").status_code == 404


def test_a_closed_list_of_integrations(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(integrations=["lever:1"])
    assert refusal(api.create())[1] == "PLATFORM.INTEGRATION_NOT_FOUND"
    with Api(sandbox.url, integration_id="lever:1") as listed:
        assert listed.create().status_code == 200


def test_the_integration_header_is_required(sandbox: Sandbox) -> None:
    with Api(sandbox.url, integration_id=None) as api:
        assert refusal(api.create())[2].startswith("X-Integration-Id: ")
        assert refusal(api.get("/ats/jobs"))[0] == 400


@pytest.mark.parametrize(
    ("state", "code_of_create", "code_of_read"),
    [
        ({"status": "INVALID"}, "INTEGRATION.AUTHENTICATION_INVALID", None),
        ({"status": "INACTIVE"}, "INTEGRATION.INACTIVE", "INTEGRATION.INACTIVE"),
        ({"setup_status": "INCOMPLETE"}, "INTEGRATION.SETUP_INCOMPLETE", "INTEGRATION.SETUP_INCOMPLETE"),
        ({"setup_status": "FINAL_SYNC_PENDING"}, None, "INTEGRATION.SETUP_SYNC_PENDING"),
        ({"action_setting": "DISABLED"}, "INTEGRATION.ACTION_DISABLED", None),
    ],
)
def test_the_state_of_an_integration_decides_what_works(
    api: Api, sandbox: Sandbox, state: dict[str, str], code_of_create: str | None, code_of_read: str | None
) -> None:
    sandbox.config(per_integration={INTEGRATION: state})
    for answer, code in ((api.create(), code_of_create), (api.get("/ats/jobs"), code_of_read)):
        assert answer.json().get("error", {}).get("code") == code
    shown = api.get(f"/integrations/{INTEGRATION}").json()["data"]
    assert state.items() <= {**shown, "action_setting": shown["write_actions"][0]["scope_config_setting"]}.items()


def test_an_error_links_to_its_log_entry(api: Api) -> None:
    link = api.create({}).json()["error"]["log_url"]
    entry = api.session.get(link, timeout=PATIENCE_SECONDS).json()
    assert (entry["status"], entry["code"], entry["integration_id"]) == (400, "PLATFORM.INPUT_INVALID", INTEGRATION)


def test_an_unknown_path_is_404_in_an_envelope(api: Api) -> None:
    assert refusal(api.get("/ats/nothing"))[:2] == (404, None)
    assert refusal(api.session.delete(f"{api.url}/ats/jobs", timeout=PATIENCE_SECONDS))[0] == 404


def test_the_sdk_knows_every_code_of_the_sandbox(sandbox: Sandbox, sdk: Kombo) -> None:
    sandbox.faults([{"kind": "error", "code": code, "count": 1} for code in STATUS_AND_TITLE])
    for code, (status, _) in STATUS_AND_TITLE.items():
        with pytest.raises(KomboAtsError) as caught:
            sdk.ats.create_application(job_id="1", candidate=person())
        assert (caught.value.data.error.code, caught.value.status_code) == (code, status)
    assert sandbox.stats(summary=True)["creates_total"] == 0
