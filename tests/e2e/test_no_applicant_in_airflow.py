"""P7: no value of an applicant where Airflow or its users can read it, and no API key but in its connection.

Every column holds a value that is nowhere else, all that can go wrong goes wrong, and all that can be read is searched.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import pickle
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import pytest

from include.demo.warehouse import SOURCE_COLUMNS
from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import GREENHOUSE, PERSONIO, WORKDAY, MakesPipelines, Run, Warehouse, run_dag
from tests.e2e.readable import Readable, all_logged
from tests.reliability.fuzzed_rows import LAYOUTS, META

KEY = "kombo-key-of-this-test-81f5"
NAME, FOREIGN, NUMBER, DAY = "Zyzzyvalambda", "Жыззывалямбда", "5550190217", "2093-11-23"
SECRETS = (NAME, FOREIGN, NUMBER, DAY, KEY)
"""Every value of an applicant below holds one of the first four."""

SAID = f"{NAME} {FOREIGN} <{NAME}1@example.com>, born {DAY}, phone {NUMBER}, cannot be taken"
PERSON: dict[str, Any] = {
    "candidate__first_name": NAME,
    "candidate__last_name": f"Mac {FOREIGN} & {NAME}",
    "candidate__email_address": f"{NAME}@example.com",
    "candidate__additional_email_addresses": json.dumps([{"type": "WORK", "email_address": f"{NAME}.w@example.com"}]),
    "candidate__phone_number": f"+49 {NUMBER}",
    "candidate__additional_phone_numbers": json.dumps([{"type": "WORK", "phone_number": f"+49 {NUMBER}"}]),
    "candidate__company": f'"{FOREIGN}" Ltd',
    "candidate__title": f"{NAME} of {FOREIGN}",
    "candidate__gender": "OTHER",
    "candidate__availability_date": DAY,
    "candidate__social_links": json.dumps([{"url": f"https://example.com/{NAME}?{FOREIGN}"}]),
    "candidate__location__country": "DE",
    "candidate__location__city": f"{NAME}burg",
    "candidate__location__state": FOREIGN,
    "candidate__location__zip_code": NUMBER,
    "candidate__location__street_1": f"{FOREIGN} 7",
    "candidate__salary_expectations__amount": NUMBER,
    "candidate__salary_expectations__period": "YEAR",
    "attachments": json.dumps([{"name": f"{NAME}.pdf", "type": "CV", "data_url": f"https://example.com/{NAME}.pdf"}]),
    "screening_question_answers": json.dumps([{"question_id": "q", "answer": f"{NAME} {FOREIGN}"}]),
    "remote_fields": json.dumps({"greenhouse": {"candidate": {NAME: FOREIGN}}, NAME: {FOREIGN: NUMBER}}),
    "gdpr_consent__given": "true",
    "gdpr_consent__expires_at": DAY,
    "source__id": NAME,
    "source__name": FOREIGN,
    "source__unified_key": NAME,
    "sourced_by__user_id": f"remote:{NAME}",
}
BAD: tuple[dict[str, Any], ...] = (
    {"candidate__email_address": f"{NAME} at {FOREIGN}"},
    {"candidate__gender": NAME},
    {"candidate__location__country": f"{NAME}land"},
    {"candidate__availability_date": f"{NAME} 2026"},
    {"candidate__social_links": f'{{"{NAME}": '},
    {"candidate__additional_phone_numbers": f'[{{"{NAME}": "{FOREIGN}"}}]'},
    {"candidate__salary_expectations__amount": f"{NUMBER}.{NAME}"},
    {"attachments": f'[{{"name": "{NAME}.pdf", "data": "{NAME}"}}]'},
    {"screening_question_answers": f'[{{"{NAME}": 1}}]'},
    {"remote_fields": f'{{"{NAME}": NaN}}'},
    {"gdpr_consent__given": NAME},
    {"gdpr_consent__expires_at": NAME},
    {"changed_at": NAME},
    {"withdrawn": f"{NAME}?"},
    {"job_id": None},
    {"integration_id": None},
)
COLUMNS = ("applicant_id", "integration_id", "job_id", "changed_at", "withdrawn", *PERSON)


def test_every_field_of_the_request_holds_a_value_that_is_searched_for() -> None:
    assert set(PERSON) == set(LAYOUTS["in parts"]) - set(META)


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
def readable(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Readable]:
    with all_logged(caplog):
        yield Readable(SECRETS, capfd, caplog, may_be={(KEY, "table connection"), (KEY, "log of Airflow's engine")})


@pytest.fixture
def dag_id(warehouse: Warehouse, pipeline: MakesPipelines, tmp_path: Path) -> str:
    """A pipeline whose SELECT has a column for every field."""
    for column in sorted({*COLUMNS} - SOURCE_COLUMNS.keys()):
        warehouse.execute(f"ALTER TABLE applicants ADD COLUMN {column} TEXT")
    select = f"SELECT {', '.join(COLUMNS)} FROM applicants"
    return pipeline(extract_sql=select, attachment_roots=[tmp_path.as_uri()], same_person="hold")


@pytest.fixture
def people(warehouse: Warehouse, dag_id: str, tmp_path: Path) -> Warehouse:
    for number, integration_id in enumerate([GREENHOUSE] * 6 + [PERSONIO] * 2 + [WORKDAY] * 2):
        _add(warehouse, number, integration_id=integration_id)
    for number, bad in enumerate(BAD, start=100):
        _add(warehouse, number, **bad)
    _add(warehouse, 100)
    missing = {"name": f"{NAME}.pdf", "type": "CV", "path": f"{tmp_path.as_uri()}/{NAME}.pdf"}
    _add(warehouse, 200, attachments=json.dumps([missing]))
    return warehouse


def _add(warehouse: Warehouse, number: int, **changes: Any) -> None:
    warehouse.add(number, **{**PERSON, "candidate__email_address": f"{NAME}{number}@example.com", **changes})


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of Airflow's own API
def test_whatever_kombo_answers_and_whatever_is_wrong_with_rows(
    people: Warehouse, sandbox: Sandbox, dag_id: str, readable: Readable
) -> None:
    sandbox.faults(
        [
            _fault(0, "error", code="ATS.APPLICATION_ALREADY_EXISTS", message=SAID, title=SAID),
            _fault(1, "error", code="REMOTE.INPUT_INVALID", message=SAID, title=SAID),
            _fault(2, "error", code="PLATFORM.UNKNOWN_ERROR", message=SAID),
            _fault(3, "error", code=None, status=422, message=SAID, title=SAID),
            _fault(4, "write_reset"),
            _fault(5, "truncated"),
            _fault(6, "error", code="INTEGRATION.PERMISSION_MISSING", message=SAID, title=SAID),
            _fault(8, "unparsable", body=SAID),
        ]
    )
    sandbox.config(warnings=[SAID])
    run = run_dag(dag_id)
    again = run_dag(dag_id)
    rehearsed = run_dag(dag_id, dry_run=True, window="all")
    resolved = run_dag("kombo_resolve_in_doubt")
    pulled = run_dag("kombo_sync_applications")
    assert run.counts["extracted"] == 10 + len(BAD) + 2
    invalid = people.execute("SELECT applicant_id FROM kombo_deliveries WHERE status = 'invalid'")
    assert sorted(invalid) == [(f"a-{number}",) for number in [*range(100, 100 + len(BAD) - 1), 200]]
    assert set(people.statuses()) == {"delivered", "rejected", "in_doubt", "invalid", "ready"}
    ((problems,),) = people.execute("SELECT problems FROM kombo_deliveries WHERE applicant_id = 'a-200'")
    assert "attachments[0].path" in problems
    assert run.state == again.state == "failed"
    assert rehearsed.errors == {}
    readable.ask_airflow(run)
    readable.ask_the_page(run.dag_id, "demo.applicants", GREENHOUSE, [f"a-{number}" for number in range(10)])
    readable.ask_the_commands(run.dag_id, ["a-0", "a-1", "a-4", "a-103", "a-200", "a-none"])
    assert readable.found(run, again, rehearsed, resolved, pulled) == []


def test_a_select_that_fails_on_a_value(people: Warehouse, pipeline: MakesPipelines, readable: Readable) -> None:
    columns = ", ".join(COLUMNS[:8])
    json_of = "json_extract(candidate__social_links, '$[0].url') AS candidate__title"
    run = run_dag(pipeline(extract_sql=f"SELECT {columns}, {json_of} FROM applicants"))
    assert "The source query (the SELECT in extract_sql) failed" in run.message("stage")
    assert readable.found(run) == []


def test_text_that_is_not_utf_8(people: Warehouse, dag_id: str, readable: Readable) -> None:
    people.execute(
        "UPDATE applicants SET candidate__company = CAST(x'5a797a7a7976616c616d626461e4' AS TEXT)"
        " WHERE applicant_id = 'a-1'"
    )
    run = run_dag(dag_id)
    assert readable.found(run) == []
    assert people.execute("SELECT problems FROM kombo_deliveries WHERE applicant_id = 'a-1'")[0][0]
    assert people.statuses()["delivered"] == 9, "one bad row stops no other"


def test_a_transform_that_fails_on_a_value(people: Warehouse, readable: Readable) -> None:
    run = run_dag("failing_transform")
    assert "The transform shout failed: ValueError in failing_transform.py, line" in run.message("stage")
    assert readable.found(run) == []


WRAPPED: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "in lower case": lambda text: text.lower().encode(),
    "in JSON": lambda text: json.dumps({"of": text}).encode(),
    "for a URL": lambda text: quote(f"https://example.com/{text}").encode(),
    "in base64": lambda text: base64.b64encode(f"x{text}y".encode()),
    "in base64 of JSON": lambda text: base64.b64encode(json.dumps([text]).encode()),
    "pickled": lambda text: pickle.dumps([text]),
    "pickled, in base64": lambda text: base64.b64encode(pickle.dumps([text])),
    "compressed": lambda text: zlib.compress(json.dumps(text).encode()),
}


@pytest.mark.parametrize("wrapped", sorted(WRAPPED))
def test_a_value_planted_in_airflow_s_database_is_found(readable: Readable, wrapped: str) -> None:
    planted = "Qwertzuiop Дёготь"
    readable.secrets = (planted,)
    assert readable.found() == []
    with closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"]) / "airflow.db")) as database:
        event = (datetime.now(UTC).isoformat(), "planted", WRAPPED[wrapped](planted))
        database.execute("INSERT INTO log (dttm, event, extra) VALUES (?, ?, ?)", event)
        database.commit()
        seen = {(secret, place) for secret, place, _ in readable.found()}
        database.execute("DELETE FROM log WHERE event = 'planted'")
        database.commit()
    assert seen == {(planted, "table log")}


def test_a_value_planted_in_a_log_or_in_an_error_is_found(readable: Readable) -> None:
    readable.secrets = ("Qwertzuiop",)
    logging.getLogger("somebody.else").debug("told %s", quote("Mr. Qwertzuiop"))
    assert {place for _, place, _ in readable.found()} == {"log"}
    run = cast(Run, SimpleNamespace(errors={"stage": ValueError("Qwertzuiop")}))
    assert {place for _, place, _ in readable.found(run)} == {"log", "exceptions"}


def _fault(number: int, kind: str, **parameters: object) -> dict[str, object]:
    return {"kind": kind, "match": {"email": f"{NAME}{number}@example.com"}, **parameters}
