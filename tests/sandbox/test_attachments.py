"""GET /ats/actions/ats_create_application, and what it says being enforced."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import INTEGRATION, Api, application

PATH = "/ats/actions/ats_create_application"
RESTRICTIONS = {
    "total_size_bytes": 100,
    "types": {
        "CV": {
            "is_supported": True,
            "min_amount": 1,
            "max_amount": 1,
            "max_file_size_bytes": 50,
            "accepted_mime_types": ["application/pdf"],
        },
        "COVER_LETTER": {"is_supported": False},
        "OTHER": {
            "is_supported": True,
            "min_amount": None,
            "max_amount": None,
            "max_file_size_bytes": None,
            "accepted_mime_types": None,
        },
    },
}


def file(kind: str = "CV", size: int = 10, mime: str = "application/pdf") -> dict[str, Any]:
    return {"name": "f.pdf", "type": kind, "data": base64.b64encode(b"x" * size).decode(), "content_type": mime}


def test_restrictions_are_null_until_configured(api: Api, sandbox: Sandbox) -> None:
    assert api.get(PATH).json() == {"status": "success", "data": {"attachment_restrictions": None}}
    sandbox.config(per_integration={INTEGRATION: {"attachment_restrictions": RESTRICTIONS}})
    assert api.get(PATH).json()["data"]["attachment_restrictions"] == RESTRICTIONS


@pytest.mark.parametrize(
    "files",
    [[], [file(), file()], [file(size=51)], [file(mime="text/plain")], [file(), file("COVER_LETTER")],
     [file(size=50), file("OTHER", 51)]],
)  # fmt: skip
def test_attachments_against_the_restrictions_are_refused_by_the_ats(
    api: Api, sandbox: Sandbox, files: list[dict[str, Any]]
) -> None:
    sandbox.config(attachment_restrictions=RESTRICTIONS)
    answer = api.create(application(attachments=files))
    assert answer.json()["error"]["code"] == "REMOTE.INPUT_INVALID"
    assert api.create(application(attachments=[file()])).status_code == 200


def test_a_file_of_7_mb_is_taken(api: Api) -> None:
    assert api.create(application(attachments=[file(size=7_000_000)])).status_code == 200
