"""P7: no value of an applicant in logs, exceptions or Airflow's database, and no API key but in its connection."""

from __future__ import annotations

import os
import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import GREENHOUSE, PERSONIO, WORKDAY, MakesPipelines, Run, Warehouse, run_dag

KEY = "kombo-key-of-this-test-81f5"
SECRETS = ("zyzzyva", "5550190217", KEY)
"""Every value of an applicant below holds one of the first two."""

PERSON = {
    "candidate__first_name": "Zyzzyva",
    "candidate__last_name": "Mac Zyzzyva",
    "candidate__phone_number": "+49 5550190217",
    "candidate__company": "Zyzzyva Ltd",
    "candidate__location__country": "DE",
    "candidate__location__city": "Zyzzyvaburg",
    "candidate__social_links": '[{"url": "https://example.com/zyzzyva"}]',
}
BAD = (
    {"candidate__email_address": "zyzzyva at example.com"},
    {"candidate__gender": "zyzzyva"},
    {"candidate__location__country": "Zyzzyvaland"},
    {"candidate__availability_date": "zyzzyva 2026"},
    {"candidate__social_links": '{"zyzzyva": '},
    {"candidate__salary_expectations__amount": "zyzzyva", "candidate__salary_expectations__period": "MONTH"},
    {"attachments": '[{"name": "zyzzyva.pdf", "data": "zyzzyva"}]'},
    {"screening_question_answers": '[{"zyzzyva": 1}]'},
    {"gdpr_consent__given": "zyzzyva"},
    {"changed_at": "zyzzyva"},
    {"job_id": None},
    {"integration_id": None},
)
COLUMNS = "applicant_id, integration_id, job_id, candidate__first_name, candidate__last_name, candidate__email_address"


@pytest.fixture(autouse=True)
def _key_in_the_database(warehouse: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    monkeypatch.delenv("AIRFLOW_CONN_KOMBO_DEFAULT")
    sandbox.config(keys={KEY: "env-sandbox", "sandbox-key": None})
    extra = {"timeout_seconds": 20}
    with create_session() as session:
        session.add(Connection("kombo_default", "kombo", host=sandbox.url, password=KEY, extra=extra))
    yield
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id == "kombo_default").delete()


@pytest.fixture
def people(warehouse: Warehouse) -> Warehouse:
    for number, integration_id in enumerate([GREENHOUSE] * 6 + [PERSONIO] * 2 + [WORKDAY] * 2):
        email = f"zyzzyva{number}@example.com"
        warehouse.add(number, **{**PERSON, "integration_id": integration_id, "candidate__email_address": email})
    for number, bad in enumerate(BAD, start=100):
        warehouse.add(number, **{**PERSON, "candidate__email_address": f"zyzzyva{number}@example.com", **bad})
    warehouse.add(100, **PERSON)
    return warehouse


def test_whatever_kombo_answers_and_whatever_is_wrong_with_rows(
    people: Warehouse, sandbox: Sandbox, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    told = "Zyzzyva <zyzzyva1@example.com>, phone 5550190217, cannot be taken"
    sandbox.faults(
        [
            _fault(0, "error", code="ATS.APPLICATION_ALREADY_EXISTS", message=told, title=told),
            _fault(1, "error", code="REMOTE.INPUT_INVALID", message=told, title=told),
            _fault(2, "error", code="PLATFORM.UNKNOWN_ERROR", message=told),
            _fault(3, "error", code=None, status=422, message=told, title=told),
            _fault(4, "write_reset"),
            _fault(5, "truncated"),
            _fault(6, "error", code="INTEGRATION.PERMISSION_MISSING", message=told, title=told),
            _fault(8, "unparsable", body=told),
        ]
    )
    sandbox.config(warnings=[told])
    with caplog.at_level("DEBUG", logger="kombo_provider"):
        run = run_dag()
        again = run_dag()
        rehearsed = run_dag(dry_run=True, window="all")
    assert run.counts["extracted"] == 10 + len(BAD) + 1
    assert run.counts["invalid"] == len(BAD) - 1
    assert set(people.statuses()) == {"delivered", "rejected", "in_doubt", "invalid", "ready"}
    assert run.state == again.state == "failed"
    assert rehearsed.errors == {}
    _nothing_shows([run, again, rehearsed], capfd, caplog)


def test_a_select_that_fails_on_a_value(
    people: Warehouse, pipeline: MakesPipelines, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    json_of = "json_extract(candidate__social_links, '$[0].url') AS candidate__title"
    run = run_dag(pipeline(extract_sql=f"SELECT {COLUMNS}, {json_of} FROM applicants"))
    assert "The source query (the SELECT in extract_sql) failed" in run.message("stage")
    _nothing_shows([run], capfd, caplog)


def test_text_that_is_not_utf_8(
    people: Warehouse, sandbox: Sandbox, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    people.execute(
        "UPDATE applicants SET candidate__company = CAST(x'7a797a7a797661e4' AS TEXT) WHERE applicant_id = 'a-1'"
    )
    run = run_dag()
    _nothing_shows([run], capfd, caplog)
    assert people.execute("SELECT problems FROM kombo_deliveries WHERE applicant_id = 'a-1'")[0][0]
    assert people.statuses()["delivered"] == 9, "one bad row stops no other"


def test_a_transform_that_fails_on_a_value(
    people: Warehouse, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    run = run_dag("failing_transform")
    message = run.message("stage")
    assert "The transform shout failed: ValueError in failing_transform.py, line" in message
    _nothing_shows([run], capfd, caplog)


def _fault(number: int, kind: str, **parameters: object) -> dict[str, object]:
    return {"kind": kind, "match": {"email": f"zyzzyva{number}@example.com"}, **parameters}


def _nothing_shows(runs: list[Run], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    out, err = capfd.readouterr()
    raised = "".join(
        "".join(traceback.format_exception(error)) + repr(error) for run in runs for error in run.errors.values()
    )
    places = {"output": out, "errors": err, "log": caplog.text, "exceptions": raised, **dict(_airflow_tables())}
    assert "kombo_push_applicants" in places["table dag_run"] or "made_" in places["table dag_run"]
    found = [
        (secret, place, _around(text.lower(), secret))
        for place, text in places.items()
        for secret in SECRETS
        if secret in text.lower() and (secret, place) != (KEY, "table connection")
    ]
    assert found == []


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return text[max(0, at - 200) : at + 100]


def _airflow_tables() -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"]) / "airflow.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = database.execute(f"SELECT * FROM {table}")
            yield f"table {table}", "\n".join(str(row) for row in rows)
