"""Whatever is asked, and whatever the ledger holds, a route answers in words: no failure, no driver's text, no HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from fastapi.testclient import TestClient

from kombo_provider.ledger import By, LaneState, lane_actions, lane_states
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.status import Actor
from tests.unit.ledger.book import INVALID, VALID, Book
from tests.unit.ui.conftest import JSON, SOURCE, Site

Param = tuple[str, str | int | float | bool | None]

TEXTS: list[str] = [
    "",
    " ",
    "__proto__",
    "constructor",
    "..",
    "../../etc/passwd",
    "%2F",
    "%00",
    "a/b?c#d&e=f",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "' OR 1=1 --",
    "{{ conn.x.password }}",
    "\u202eabc\u2066\u200f",
    "\x00",
    "a\x00b",
    "\ud800",
    "😀" * 10,
    "x" * 100_000,
    "%s %(a)s :a",
    "\\",
]
VALUES: list[Any] = [None, True, -1, 0, 2**63, 2**200, -(2**63), 1.5, 1e308, [], {}, [[]], [None], {"a": 1}, *TEXTS]
DRIVERS_WORDS = ("psycopg", "sqlite3", "SQLSTATE", "sqlalche.me", "SELECT ", "Traceback", "kombo_deliveries")
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
LANE = "greenhouse:a"
BODIES: dict[str, dict[str, Any]] = {
    "days": {"integration_ids": [LANE]},
    "rows": {"integration_id": LANE, "what": "rejected", "code": "X", "http_status": 400, "after": "0"},
    "row": {"applicant_id": "1", "integration_id": LANE},
    "lane/open": {"integration_id": LANE, "reason": "r"},
    "lane/stop": {"integration_id": LANE, "reason": "r"},
    "snooze": {"integration_id": LANE, "until": TOMORROW, "reason": "r"},
    "replay": {"integration_id": LANE, "code": "X", "reason": "r"},
}
GETS = ("fleet", "days", "lane")


@pytest.fixture
def lenient(site: Site) -> Iterator[Site]:
    """A failure of the server is an answer here, not an exception in the test."""
    strict = site.client
    site.client = TestClient(strict.app, raise_server_exceptions=False)
    yield site
    site.client = strict


def _complaints(answers: dict[str, Any]) -> list[str]:
    """Return what is wrong with answers."""
    found = []
    for asked, answer in answers.items():
        text = answer.text
        said = [word for word in DRIVERS_WORDS if word in text and word not in asked]
        if answer.status_code >= 500 or said or "json" not in answer.headers["content-type"]:
            found.append(f"{asked[:200]}: {answer.status_code} {said} {text[:200]}")
    return found


def test_no_body_fails_a_route(lenient: Site, book: Book) -> None:
    book.stage(VALID)
    answers: dict[str, Any] = {}
    for route, body in BODIES.items():
        for field, value in product(body, VALUES):
            answers[f"{route} {field}={value!r}"] = _raw(lenient, route, body | {field: value})
        for value in VALUES:
            answers[f"{route} {value!r}"] = _raw(lenient, route, value)
        answers[f"{route} list"] = _raw(lenient, route, {"integration_ids": ["x"] * 101})
    assert "\n".join(_complaints(answers)) == ""


def _raw(site: Site, route: str, body: Any) -> Any:
    """Send JSON that no client of Python's would: with lone surrogates, say."""
    sent = json.dumps(body).encode()
    headers = JSON | {"Content-Type": "application/json"}
    return site.client.post(f"/api/dags/push/{route}", params={"source": SOURCE}, content=sent, headers=headers)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 50_000, b"NaN", b'{"integration_id": NaN}', b"null"])
def test_no_text_in_place_of_json_fails_a_route(lenient: Site, book: Book, body: bytes) -> None:
    headers = JSON | {"Content-Type": "application/json"}
    asked: dict[str, Any] = {"params": {"source": SOURCE}, "content": body, "headers": headers}
    answers = {name: lenient.client.post(f"/api/dags/push/{name}", **asked) for name in BODIES}
    assert "\n".join(_complaints(answers)) == ""
    assert {answer.status_code for answer in answers.values()} <= {400, 422}


def test_no_query_fails_a_route(lenient: Site, book: Book) -> None:
    book.stage(VALID)
    texts = [text[:20_000] for text in TEXTS if text != "\ud800"]
    answers: dict[str, Any] = {"pipelines": lenient.client.get("/api/pipelines?limit=-1&page=x&integration_id=")}
    for route, text in product(GETS, texts):
        for name in ("source", "integration_id", "limit", "page", "offset"):
            query = {"source": SOURCE, "integration_id": LANE} | {name: text}
            answers[f"{route} {name}={text!r}"] = lenient.client.get(f"/api/dags/push/{route}", params=query)
        twice: list[Param] = [("source", SOURCE), ("source", text), ("integration_id", LANE), ("integration_id", text)]
        answers[f"{route} twice {text!r}"] = lenient.client.get(f"/api/dags/push/{route}", params=twice)
    assert "\n".join(_complaints(answers)) == ""


def test_no_path_fails_the_application_or_leads_out_of_it(lenient: Site, book: Book) -> None:
    quoted = ["%2e%2e", "%2F", "%00", "%ff", "..%2f..", "__proto__", "%3Cscript%3E", "x" * 10_000, "%E2%80%AE"]
    answers: dict[str, Any] = {}
    for text in quoted:
        for path in (f"dags/{text}/fleet", f"dags/push/{text}", f"dags/push/lane/{text}", text):
            for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
                answers[f"{method} {path}"] = lenient.client.request(
                    method, f"/api/{path}?source={SOURCE}", headers=JSON
                )
        answers[f"static {text}"] = lenient.client.get(f"/static/{text}/..%2f..%2fapp.py")
        answers[f"static {text} 2"] = lenient.client.get(f"/static/../{text}")
    failed = {asked[:99]: answer.status_code for asked, answer in answers.items() if answer.status_code >= 500}
    assert failed == {}
    assert [asked for asked, answer in answers.items() if "def make_app" in answer.text] == []


def test_whatever_lies_in_the_ledger_is_shown_as_text_and_leads_nowhere(lenient: Site, book: Book) -> None:
    texts = [text[:900] for text in TEXTS if text.strip() and "\x00" not in text and text != "\ud800"]
    staged = [INVALID.but(applicant_id=text, integration_id=text, job_id=text) for text in texts]
    book.stage(VALID, *staged)
    with book.ledger.transaction() as conn:
        for text in texts:
            row = deliveries.update().where(deliveries.c.applicant_id == text)
            hostile = {"status": "rejected", "error_code": text, "log_url": text, "http_status": 999}
            conn.execute(row.values(hostile | {"problems": json.dumps([{"field": text, "problem": text}])}))
            lane_states.set_state(conn, "kombo_default", text, LaneState.BLOCKED, code=text, log_url=text)
            by = By(Actor.PERSON, name=text)
            lane_actions.stop_lane(conn, "kombo_default", text, by, text)
    answers: dict[str, Any] = {"fleet": lenient.get("dags/push/fleet")}
    for text in texts:
        shown = text[:40]
        answers[f"lane {shown}"] = lenient.get("dags/push/lane", integration_id=text)
        answers[f"row {shown}"] = lenient.post("dags/push/row", {"applicant_id": text})
        of_code = {"integration_id": text, "what": "rejected", "code": text, "http_status": 999}
        answers[f"rows {shown}"] = lenient.post("dags/push/rows", of_code)
        answers[f"act {shown}"] = lenient.post("dags/push/lane/open", {"integration_id": text, "reason": text})
    assert [line for line in _complaints(answers) if "SELECT" not in line] == []
    assert {asked: answer.status_code for asked, answer in answers.items() if answer.status_code != 200} == {}
    links = [one for answer in answers.values() for one in _links(answer.json())]
    assert set(links) <= {None}


def _links(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [link for inner in value for link in _links(inner)]
    if isinstance(value, dict):
        own = [inner for name, inner in value.items() if name == "log_url"]
        return own + [link for inner in value.values() for link in _links(inner)]
    return []
