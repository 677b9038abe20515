"""Answers are checked by what Kombo says the jobs ask, and what it does not say stops nobody."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

import pytest

from kombo_provider.cli import commands
from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import GREENHOUSE, MakesPipelines, Warehouse, run_dag

JOB = "remote:engineer"
OPTIONS = [{"id": "o-yes", "name": "Yes"}, {"id": "o-no", "name": "No"}]
LICENCE = {"id": "licence", "required": True, "format": {"type": "SINGLE_SELECT", "options": OPTIONS}}
YEARS = {"id": "years", "format": {"type": "NUMBER", "min": 0, "max": 50}}


def asks(sandbox: Sandbox, *questions: dict[str, Any]) -> None:
    sandbox.config(per_integration={GREENHOUSE: {"jobs": {JOB: {"screening_questions": list(questions)}}}})


def add(warehouse: Warehouse, number: int, **answers: Any) -> None:
    given = [{"question_id": name, "answer": answer} for name, answer in answers.items()]
    warehouse.add(
        number, integration_id=GREENHOUSE, job_id=JOB, screening_question_answers=json.dumps(given) if given else None
    )


def reads_of_jobs(sandbox: Sandbox) -> int:
    return int(sandbox.stats()["by_route"].get("GET /ats/jobs", 0))


@pytest.mark.parametrize("endpoint", ["application", "candidate"])
def test_answers_reach_kombo_converted_and_what_would_be_refused_is_never_sent(
    warehouse: Warehouse, sandbox: Sandbox, pipeline: MakesPipelines, endpoint: str
) -> None:
    asks(sandbox, LICENCE, YEARS)
    add(warehouse, 1, licence="Yes", years="7")
    add(warehouse, 2, licence="o-no")
    add(warehouse, 3, years=7)
    add(warehouse, 4, licence="Maybe")
    add(warehouse, 5, licence="No", years=51)
    dag_id = pipeline(endpoint=endpoint, max_failed_share=1.0)
    run_dag(dag_id)
    assert warehouse.statuses() == {"delivered": 2, "invalid": 3}
    assert reads_of_jobs(sandbox) == 2, "one of stage, one of deliver, whatever the rows"
    fields = [
        json.loads(row[0])[0]["field"]
        for row in warehouse.execute(
            "SELECT problems FROM kombo_deliveries WHERE status = 'invalid' ORDER BY applicant_id"
        )
    ]
    assert fields == [
        "screening_question_answers",
        "screening_question_answers[0].answer",
        "screening_question_answers[1].answer",
    ]

    asks(sandbox, {**LICENCE, "required": False}, YEARS)
    run_dag(dag_id)
    assert warehouse.statuses() == {"delivered": 3, "invalid": 2}, "the list was edited, the row was not"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "code": "PLATFORM.UNKNOWN_ERROR", "status": 500},
        {"kind": "error", "code": "INTEGRATION.MODEL_NOT_AVAILABLE"},
        {"kind": "html", "status": 502},
        {"kind": "answer", "body": '{"status": "success", "data": {"results": "x"}}'},
    ],
    ids=lambda fault: str(fault.get("code") or fault["kind"]),
)
def test_questions_that_cannot_be_read_hold_nobody_up(
    warehouse: Warehouse, sandbox: Sandbox, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    asks(sandbox, LICENCE)
    add(warehouse, 1, licence="o-yes")
    add(warehouse, 2, licence="Yes")
    sandbox.faults([{**fault, "match": {"path": "/ats/jobs", "method": "GET"}}])
    run_dag()
    assert warehouse.statuses() == {"delivered": 1, "rejected": 1}, "the option's name is no id, says Kombo itself"
    told = [record.getMessage() for record in caplog.records if "screening questions" in record.getMessage()]
    assert told
    assert told[0].startswith("2 rows are taken as they are")
    assert GREENHOUSE in told[0]


def test_a_row_delivered_while_questions_could_not_be_read_is_not_said_to_have_changed_since(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    asks(sandbox, LICENCE)
    add(warehouse, 1, licence="o-yes")
    sandbox.faults([{"kind": "html", "status": 502, "match": {"path": "/ats/jobs", "method": "GET"}}])
    run_dag()
    assert warehouse.statuses() == {"delivered": 1}
    sandbox.clear_faults()
    asks(sandbox, LICENCE, {**YEARS, "required": True})  # the row as it is would be invalid today
    commands.explain(Namespace(verbose=False, dag_id="kombo_push_applicants", applicant_id="a-1", conf=None))
    assert "nothing, the ledger knows it as it is" in capsys.readouterr().out
