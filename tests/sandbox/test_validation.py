"""What a create's body must look like; the refusal names the field."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import Api, application, person, refusal
from tests.waiting import PATIENCE_SECONDS

CV = {
    "name": "cv.pdf",
    "type": "CV",
    "data": base64.b64encode(b"%PDF").decode(),
    "content_type": "application/pdf",
}
LINK = {"name": "cv.pdf", "type": "CV", "data_url": "https://example.org/cv.pdf"}


def without(source: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in source.items() if name != key}


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("candidate", {}),
    ("candidate.first_name", {"candidate": without(person(), "first_name")}),
    ("candidate.last_name", {"candidate": person(last_name=None)}),
    ("candidate.email_address", {"candidate": person(email_address="ada")}),
    ("candidate.email_address", {"candidate": person(email_address="ada@exa mple.org")}),
    ("candidate.email_address", {"candidate": person(email_address="")}),
    ("candidate.company", {"candidate": person(company=None)}),
    ("candidate.title", {"candidate": person(title=3)}),
    (
        "candidate.additional_email_addresses.0.type",
        {"candidate": person(additional_email_addresses=[{"type": "HOME", "email_address": "a@example.org"}])},
    ),
    (
        "candidate.additional_phone_numbers.1.phone_number",
        {"candidate": person(additional_phone_numbers=[{"type": "WORK", "phone_number": "1"}, {"type": "WORK"}])},
    ),
    ("candidate.location.country", {"candidate": person(location={"city": "Berlin"})}),
    ("candidate.location.country", {"candidate": person(location={"country": "de"})}),
    ("candidate.gender", {"candidate": person(gender="female")}),
    ("candidate.availability_date", {"candidate": person(availability_date="2026-01-01T00:00:00+02:00")}),
    ("candidate.availability_date", {"candidate": person(availability_date="2026-02-30")}),
    ("candidate.salary_expectations.period", {"candidate": person(salary_expectations={"amount": 1})}),
    (
        "candidate.salary_expectations.amount",
        {"candidate": person(salary_expectations={"amount": "1", "period": "YEAR"})},
    ),
    ("candidate.social_links.0.url", {"candidate": person(social_links=[{"url": "example"}])}),
    ("attachments", application(attachments={})),
    ("attachments.0.name", application(attachments=[without(CV, "name")])),
    ("attachments.0.type", application(attachments=[{**CV, "type": "RESUME"}])),
    ("attachments.0", application(attachments=[without(CV, "data")])),
    ("attachments.0", application(attachments=[{**CV, **LINK}])),
    ("attachments.0.content_type", application(attachments=[without(CV, "content_type")])),
    ("attachments.0.content_type", application(attachments=[{**CV, "content_type": "text/plain; charset=utf-8"}])),
    ("attachments.1.data", application(attachments=[LINK, {**CV, "data": "not base64!"}])),
    ("attachments.0.data_url", application(attachments=[{**LINK, "data_url": "cv.pdf"}])),
    ("sourced_by.user_id", application(sourced_by={})),
    ("source.name", application(source={"name": 1})),
    ("gdpr_consent.given", application(gdpr_consent={"given": "yes"})),
    ("gdpr_consent.expires_at", application(gdpr_consent={"expires_at": "soon"})),
    ("remote_fields", application(remote_fields="{}")),
    ("screening_question_answers.0.answer", application(screening_question_answers=[{"question_id": "q"}])),
    ("stage_id", application(stage_id=None)),
]


@pytest.mark.parametrize(("field", "body"), WRONG, ids=[f"{i}-{field}" for i, (field, _) in enumerate(WRONG)])
def test_a_wrong_field_is_refused_and_named(api: Api, sandbox: Sandbox, field: str, body: dict[str, Any]) -> None:
    status, code, message = refusal(api.create(body))
    assert (status, code) == (400, "PLATFORM.INPUT_INVALID")
    assert message.startswith(f"{field}: ")
    assert sandbox.stats(summary=True)["creates_total"] == 0


@pytest.mark.parametrize(
    "date", ["2026-01-31", "2026-01-31Z", "2026-01-31T10:00:00", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00.1234567Z"]
)
def test_every_form_of_kombos_date_pattern_is_taken(api: Api, date: str) -> None:
    assert api.create({"candidate": person(availability_date=date)}).status_code == 200


@pytest.mark.parametrize(
    "email", ["o'neil+jobs@example.co.uk", "a.b_c-d@sub.example.org", "x@xn--bcher-kva.example", "ü@bücher.example"]
)
def test_usual_addresses_are_taken(api: Api, email: str) -> None:
    assert api.create({"candidate": person(email_address=email)}).status_code == 200


def test_an_attachment_by_link_needs_no_content_type(api: Api) -> None:
    assert api.create(application(attachments=[CV, LINK])).status_code == 200


def test_unknown_keys_are_ignored_unless_the_config_refuses_them(api: Api, sandbox: Sandbox) -> None:
    body = {"candidate": person(shoe_size=41)}
    assert api.create(body).status_code == 200
    sandbox.config(unknown_keys="refuse")
    assert refusal(api.create(body))[2].startswith("candidate.shoe_size: ")


def test_a_body_that_is_not_json_is_refused(api: Api) -> None:
    target = f"{api.url}/ats/jobs/j/applications"
    assert (
        refusal(
            api.session.post(target, data="{", headers={"Content-Type": "application/json"}, timeout=PATIENCE_SECONDS)
        )[0]
        == 400
    )
    assert refusal(api.session.post(target, data={"a": "b"}, timeout=PATIENCE_SECONDS))[2].startswith("Content-Type: ")
    assert refusal(api.post("/ats/jobs/j/applications", [1]))[2].startswith("body: ")


def test_an_empty_remote_job_id_is_refused(api: Api) -> None:
    assert refusal(api.create(job="remote:"))[2].startswith("job_id: ")
