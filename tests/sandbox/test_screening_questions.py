"""Screening questions of a job, and the answers to them."""

from __future__ import annotations

from typing import Any

import pytest
from kombo import Kombo

from kombo_sandbox.testing import Sandbox
from tests.sandbox.wire_client import INTEGRATION, Api, application, person, refusal

OPTIONS = [{"id": "o1", "name": "Yes", "remote_id": "1"}, {"id": "o2", "name": "No", "remote_id": None}]
QUESTIONS: list[dict[str, Any]] = [
    {"id": "text", "title": "Why?", "required": True, "format": {"type": "TEXT", "max_length": 5}},
    {"id": "mail", "format": {"type": "TEXT", "display_type": "EMAIL"}},
    {"id": "url", "format": {"type": "TEXT", "display_type": "URL"}},
    {"id": "number", "format": {"type": "NUMBER", "min": 1, "max": 9, "display_type": "FIELD"}},
    {"id": "bool", "format": {"type": "BOOLEAN"}},
    {"id": "date", "format": {"type": "DATE"}},
    {"id": "one", "format": {"type": "SINGLE_SELECT", "options": OPTIONS, "display_type": "RADIO"}},
    {"id": "many", "format": {"type": "MULTI_SELECT", "options": OPTIONS}},
    {"id": "file", "format": {"type": "FILE", "accepted_mime_types": ["application/pdf"], "max_file_size_bytes": 4}},
    {"id": "info", "format": {"type": "INFORMATION"}},
    {"id": "odd", "format": {"type": "UNKNOWN", "raw_question": {"a": 1}}},
]
GOOD: dict[str, Any] = {
    "text": "Fun",
    "mail": "a@example.org",
    "url": "https://example.org",
    "number": 5,
    "bool": True,
    "date": "2026-01-31",
    "one": "o1",
    "many": ["o1", "o2"],
    "file": {"name": "a.pdf", "content_type": "application/pdf", "data": "YWJj"},
    "info": "read",
    "odd": "?",
}


@pytest.fixture(autouse=True)
def _questions(sandbox: Sandbox) -> None:
    sandbox.config(per_integration={INTEGRATION: {"jobs": {"remote:q": {"screening_questions": QUESTIONS}}}})


def answers(given: dict[str, Any]) -> list[Any]:
    return [{"question_id": key, "answer": value} for key, value in given.items()]


def test_the_sdk_reads_every_kind_of_question(sdk: Kombo) -> None:
    jobs = sdk.ats.get_jobs()
    assert jobs is not None
    kinds = [question.format_.TYPE for question in jobs.result.data.results[0].screening_questions]  # type: ignore[union-attr]
    assert kinds == [question["format"]["type"] for question in QUESTIONS]


def test_the_sdk_accepts_the_answer_that_repeats_the_answers(sdk: Kombo) -> None:
    made = sdk.ats.create_application(
        job_id="remote:q", candidate=person(), screening_question_answers=answers(GOOD) + answers({"gone": "x"})
    )
    assert [warning.message for warning in made.warnings] == [
        "The question gone was not found on this job; its answer was skipped."
    ]
    shown = made.data.screening_question_answers or []
    assert [entry.question.TYPE for entry in shown] == [
        "TEXT", "TEXT", "TEXT", "NUMBER", "BOOLEAN", "DATE", "SINGLE_SELECT", "MULTI_SELECT",
    ]  # fmt: skip
    listed = sdk.ats.get_applications()
    assert listed is not None
    assert len(listed.result.data.results[0].screening_question_answers or []) == 8


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("text", "too long"),
        ("text", 5),
        ("mail", "ada"),
        ("url", "example"),
        ("number", 10),
        ("number", "5"),
        ("bool", "true"),
        ("date", "31.01.2026"),
        ("one", "Yes"),
        ("many", "o1"),
        ("many", ["o1", "o3"]),
        ("file", {"name": "a.pdf", "content_type": "application/pdf", "data": "YWJjZGU="}),
        ("file", {"name": "a.txt", "content_type": "text/plain", "data": "YWJj"}),
        ("file", {"name": "a.pdf"}),
        ("bool", None),
    ],
)
def test_an_answer_that_does_not_fit_its_question_is_refused(api: Api, question: str, answer: Any) -> None:
    given = answers({"text": "Fun"} | {question: answer})
    status, code, message = refusal(api.create(application(screening_question_answers=given), job="remote:q"))
    assert (status, code) == (400, "PLATFORM.INPUT_INVALID")
    assert message.startswith("screening_question_answers.")


def test_a_required_question_left_out_is_refused_by_the_ats(api: Api) -> None:
    assert refusal(api.create(job="remote:q"))[1] == "REMOTE.INPUT_INVALID"


def test_questions_of_a_job_known_only_to_the_config_count_at_its_first_use(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(jobs={"remote:new": {"screening_questions": [{"required": True}]}})
    assert refusal(api.create(job="remote:new"))[1] == "REMOTE.INPUT_INVALID"
    assert [job["remote_id"] for job in api.results("/ats/jobs")] == ["q"]


def test_a_job_known_only_to_the_config_is_listed_to_whom_asks_for_it(api: Api, sandbox: Sandbox) -> None:
    sandbox.config(jobs={"remote:new": {"screening_questions": [{"required": True}]}, "J1": {"status": "CLOSED"}})
    (new,) = api.results("/ats/jobs", remote_ids="new,other")
    assert new["screening_questions"][0]["required"] is True
    (closed,) = api.results("/ats/jobs", ids="J1,J2")
    assert closed["status"] == "CLOSED"


@pytest.mark.parametrize(("colour", "code"), [("red", "REMOTE.INPUT_INVALID"), ("blue", None), (None, None)])
def test_a_question_that_another_answer_brings_up_is_required_only_then(
    api: Api, sandbox: Sandbox, colour: str | None, code: str | None
) -> None:
    options = [{"id": name, "name": name.capitalize()} for name in ("red", "blue")]
    first = {"id": "c", "format": {"type": "SINGLE_SELECT", "options": options}}
    then = {"id": "why", "required": True, "precondition_question_id": "c", "precondition_options": ["red"]}
    sandbox.config(jobs={"remote:new": {"screening_questions": [first, then]}})
    given = answers({"c": colour} if colour else {})
    answer = api.create(application(screening_question_answers=given), job="remote:new")
    assert answer.status_code == (200 if code is None else 400)
    if code is not None:
        assert refusal(answer)[1] == code
