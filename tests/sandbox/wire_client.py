"""Plain HTTP calls of the tests, and applicants to send."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import requests

from kombo_sandbox.testing import API_KEY, Sandbox
from tests.waiting import PATIENCE_SECONDS, wait_until

INTEGRATION = "workday:HWUTwvyx2wLoSUHphiWVrp28"
GIVES_UP_SOON = (PATIENCE_SECONDS, 0.1)
"""The timeout, to connect and to read, of a request that is never answered."""


def person(name: str = "ada", **more: Any) -> Any:
    """The `candidate` object of a create: JSON, which the SDK's methods call by a name of their own each."""
    return {"first_name": name.title(), "last_name": "Lovelace", "email_address": f"{name}@example.org", **more}


def application(name: str = "ada", **more: Any) -> dict[str, Any]:
    """The body of `POST /ats/jobs/{job_id}/applications`."""
    return {"candidate": person(name), **more}


class Api:
    """A `requests` session for one integration."""

    def __init__(self, url: str, *, key: str = API_KEY, integration_id: str | None = INTEGRATION) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"
        if integration_id is not None:
            self.session.headers["X-Integration-Id"] = integration_id

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.session.get(self.url + path, params=params, timeout=PATIENCE_SECONDS)

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.session.post(self.url + path, json=body, **{"timeout": PATIENCE_SECONDS, **options})

    def create(self, body: Any = None, job: str = "job-1", **options: Any) -> requests.Response:
        return self.post(f"/ats/jobs/{job}/applications", application() if body is None else body, **options)

    def results(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """The records of the first page."""
        found: list[dict[str, Any]] = self.get(path, **params).json()["data"]["results"]
        return found


def hold_creates(sandbox: Sandbox, count: int, *, wait: bool = True) -> list[socket.socket]:
    """Sends creates without reading their answers; waits until all of them are in flight."""
    address = urlsplit(sandbox.url)
    opened = []
    for number in range(count):
        body = json.dumps(application(f"held{number}")).encode()
        head = (
            f"POST /v1/ats/jobs/held/applications HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\n"
            f"X-Integration-Id: {INTEGRATION}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        connection = socket.create_connection((str(address.hostname), int(address.port or 0)))
        connection.sendall(head.encode() + body)
        opened.append(connection)
    if wait:
        wait_until(lambda: sandbox.stats(summary=True)["in_flight"] == {INTEGRATION: count})
    return opened


def refusal(answer: requests.Response) -> tuple[int, str | None, str]:
    """Status, code and message of an error answer, which must be a whole envelope."""
    payload = answer.json()
    assert payload["status"] == "error"
    assert payload["error"].keys() == {"code", "title", "message", "log_url"}
    return answer.status_code, payload["error"]["code"], payload["error"]["message"]
