"""Answers to screening questions, checked and converted by what the job asks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kombo_provider.mapping import MappedRow
from kombo_provider.mapping.questions import given_questions
from tests.unit.mapping.one_row import VALID, body_of, map_row, problems_of

COLOURS = [{"id": "o-red", "name": "Red "}, {"id": "o-blue", "name": "Blue"}, {"id": "o-b2", "name": "Blue"}]
ANSWERS = "screening_question_answers"
PDF = {"name": "a.pdf", "content_type": "application/pdf", "data": "JVBERg=="}


def question(kind: str, *, required: bool | None = None, **rules: Any) -> dict[str, Any]:
    """A question as `GET /ats/jobs` lists it; rules that are no key of a question are its format's."""
    own: dict[str, Any] = {}
    for name in ("id", "precondition_question_id", "precondition_options"):
        if name in rules:
            own[name] = rules.pop(name)
    return {"id": "q", "title": "T", "required": required, "format": {"type": kind, **rules}, **own}


def mapped(answers: Any, *questions: Any, **columns: Any) -> MappedRow:
    """A row with these answers, for a job with these questions."""
    asked = given_questions({VALID["job_id"]: list(questions)})
    return map_row({ANSWERS: answers, **columns}, find_questions=asked)


def answered(answer: Any, asked: dict[str, Any]) -> MappedRow:
    return mapped([{"question_id": "q", "answer": answer}], asked)


SELECT: dict[str, Any] = {"kind": "SINGLE_SELECT", "options": COLOURS}
SEVERAL: dict[str, Any] = {"kind": "MULTI_SELECT", "options": COLOURS}
FILE = {"kind": "FILE", "accepted_mime_types": ["application/pdf", "image/*"], "max_file_size_bytes": 4}


@pytest.mark.parametrize(
    ("asked", "given", "sent"),
    [
        ({"kind": "TEXT", "max_length": 3}, "abc", "abc"),
        ({"kind": "TEXT", "max_length": None}, "abc", "abc"),
        ({"kind": "TEXT", "max_length": 0}, "abc", "abc"),
        ({"kind": "TEXT", "max_length": -1}, "abc", "abc"),
        ({"kind": "TEXT"}, 42, "42"),
        ({"kind": "TEXT", "display_type": "EMAIL"}, "a@b.co", "a@b.co"),
        ({"kind": "TEXT", "display_type": "URL"}, "https://b.co/a", "https://b.co/a"),
        ({"kind": "NUMBER", "min": 0, "max": 5}, 5, 5),
        ({"kind": "NUMBER", "min": 0, "max": 5}, "0", 0),
        ({"kind": "NUMBER"}, "-2.5", -2.5),
        ({"kind": "NUMBER", "min": "low", "max": True}, 7, 7),
        ({"kind": "BOOLEAN"}, True, True),
        ({"kind": "BOOLEAN"}, "yes", True),
        ({"kind": "BOOLEAN"}, 0, False),
        ({"kind": "DATE"}, "2026-02-28", "2026-02-28"),
        ({"kind": "DATE"}, "2026-02-28T10:00:00+02:00", "2026-02-28T08:00:00Z"),
        (SELECT, "o-blue", "o-blue"),
        (SELECT, "Red", "o-red"),
        (SELECT, ["Red"], "o-red"),
        (SEVERAL, ["o-b2", "Red"], ["o-b2", "o-red"]),
        (SEVERAL, ["Red", "o-red"], ["o-red"]),
        (SEVERAL, "Red", ["o-red"]),
        ({"kind": "SINGLE_SELECT", "options": None}, "anything", "anything"),
        ({"kind": "SINGLE_SELECT", "options": [{"name": "without id"}]}, "anything", "anything"),
        (FILE, PDF, PDF),
        (FILE, {**PDF, "content_type": "image/png"}, {**PDF, "content_type": "image/png"}),
        (FILE, {"name": "a.pdf", "data_url": "https://b.co/a"}, {"name": "a.pdf", "data_url": "https://b.co/a"}),
        ({"kind": "FILE", "accepted_mime_types": None, "max_file_size_bytes": 0}, PDF, PDF),
    ],
)
def test_an_answer_leaves_as_its_question_wants_it(asked: dict[str, Any], given: Any, sent: Any) -> None:
    row = answered(given, question(**asked))
    assert body_of(row)[ANSWERS] == [{"answer": sent, "question_id": "q"}]
    assert row.warnings == ()


@pytest.mark.parametrize(
    ("asked", "given", "problem"),
    [
        ({"kind": "TEXT", "max_length": 3}, "abcd", "at most 3 characters"),
        ({"kind": "TEXT"}, True, "expected text"),
        ({"kind": "TEXT"}, ["a"], "expected text"),
        ({"kind": "TEXT", "display_type": "EMAIL"}, "a..b@x.org", "one e-mail address"),
        ({"kind": "TEXT", "display_type": "URL"}, "b.co", "absolute URL"),
        ({"kind": "NUMBER", "min": 1}, 0, "at least 1"),
        ({"kind": "NUMBER", "max": 1.5}, "2", "at most 1.5"),
        ({"kind": "NUMBER"}, "1,5", "expected a number"),
        ({"kind": "NUMBER"}, True, "expected a number"),
        ({"kind": "NUMBER"}, [1], "expected a number"),
        ({"kind": "BOOLEAN"}, "maybe", "true or false"),
        ({"kind": "BOOLEAN"}, ["yes"], "true or false"),
        ({"kind": "DATE"}, "2026-02-30", "no day of the calendar"),
        ({"kind": "DATE"}, 20260228, "expected a date"),
        ({"kind": "DATE"}, True, "expected a date"),
        (SELECT, "Green", "neither the id nor the name"),
        (SELECT, "Blue", "several options"),
        (SELECT, ["Red", "o-blue"], "expected one option"),
        (SELECT, True, "the id or the name"),
        (SEVERAL, ["Red", "Green"], "neither the id nor the name"),
        (SEVERAL, PDF, "expected a list of options"),
        (FILE, "a.pdf", "expected a file"),
        (FILE, {**PDF, "data": "JVBERi0="}, "at most 4 bytes"),
        (FILE, {**PDF, "content_type": "text/plain"}, "content_type that the question does not take"),
        ({"kind": "DATE"}, PDF, "expected a date"),
    ],
)
def test_an_answer_that_its_question_refuses_is_a_problem(asked: dict[str, Any], given: Any, problem: str) -> None:
    ((field, told),) = problems_of(answered(given, question(**asked))).items()
    assert field == f"{ANSWERS}[0].answer"
    assert problem in told


@pytest.mark.parametrize("answers", [None, "", "[]", []])
def test_a_required_question_without_an_answer_is_a_problem_that_names_field_and_question(answers: Any) -> None:
    told = problems_of(mapped(answers, question("TEXT", required=True)))
    assert told == {ANSWERS: "lacks an answer to the question q, which the job requires"}


def test_a_required_question_is_seen_though_the_select_has_no_column_for_answers() -> None:
    asked = given_questions({VALID["job_id"]: [question("TEXT", required=True)]})
    assert ANSWERS in problems_of(map_row(find_questions=asked))


@pytest.mark.parametrize(
    "asked",
    [
        question("TEXT", required=False),
        question("TEXT", required=None),
        question("INFORMATION", required=True),
        question("UNKNOWN", required=True),
        question("SOMETHING_NEW", required=True),
        {"id": "q", "required": True},
        {"required": True, "format": {"type": "TEXT"}},
        "no question",
    ],
)
def test_what_the_list_does_not_tell_is_not_asked_for(asked: Any) -> None:
    assert ANSWERS not in body_of(mapped(None, asked))


@pytest.mark.parametrize("listed", [None, {}, "x", 5])
def test_a_list_of_questions_that_is_none_asks_nothing(listed: Any) -> None:
    assert map_row(find_questions=given_questions({VALID["job_id"]: listed})).problems is None


@pytest.mark.parametrize(
    ("first", "lacking"),
    [("Red", True), ("o-blue", False), (None, False)],
)
def test_a_question_that_another_answer_brings_up_is_required_only_then(first: str | None, lacking: bool) -> None:
    colour = question("SINGLE_SELECT", id="c", options=COLOURS)
    why = question("TEXT", required=True, precondition_question_id="c", precondition_options=["o-red"])
    row = mapped([{"question_id": "c", "answer": first}] if first else None, colour, why)
    assert (row.problems is not None) == lacking


def test_a_question_after_a_yes_is_not_required_after_a_one() -> None:
    number = question("NUMBER", id="n")
    after = question("TEXT", required=True, precondition_question_id="n", precondition_options=[True])
    assert mapped([{"question_id": "n", "answer": 1}], number, after).problems is None
    flag = question("BOOLEAN", id="n")
    assert mapped([{"question_id": "n", "answer": "yes"}], flag, after).problems is not None


@pytest.mark.parametrize("asked", [question("TEXT", id="another"), question("INFORMATION"), question("UNKNOWN")])
def test_an_answer_that_kombo_would_pass_over_is_a_warning_and_leaves_as_it_is(asked: dict[str, Any]) -> None:
    row = answered("yes", asked)
    assert body_of(row)[ANSWERS] == [{"answer": "yes", "question_id": "q"}]
    ((field, _),) = row.warnings
    assert field == f"{ANSWERS}[0].question_id"


def test_an_answer_for_a_job_that_asks_nothing_is_a_warning_and_for_one_that_is_not_listed_it_is_none() -> None:
    answers = [{"question_id": "q", "answer": "yes"}]
    assert mapped(answers).warnings != ()
    assert map_row({ANSWERS: answers}, find_questions=given_questions({})).warnings == ()
    assert mapped(None).warnings == ()


def test_a_job_that_could_not_be_asked_for_leaves_the_row_as_it_is_and_says_so() -> None:
    row = map_row({ANSWERS: [{"question_id": "q", "answer": "5"}]}, find_questions=lambda *_: {})
    assert body_of(row)[ANSWERS] == [{"answer": "5", "question_id": "q"}]
    assert row.unasked


def test_a_row_that_will_not_be_sent_asks_for_no_questions() -> None:
    asked: list[Any] = []

    def find(integration_id: str, jobs: Any) -> dict[str, Any]:
        asked.append((integration_id, jobs))
        return dict.fromkeys(jobs, ())

    for columns in ({"withdrawn": True}, {"already_sent": "1"}, {"job_id": None}, {"integration_id": None}):
        map_row(columns, find_questions=find)
    assert asked == []
    map_row(find_questions=find)
    assert asked == [(VALID["integration_id"], [VALID["job_id"]])]


def test_a_corrected_answer_changes_the_hash_of_a_row_that_stays_invalid() -> None:
    asked = question(**SELECT)
    assert answered("Green", asked).payload_sha256 != answered("Yellow", asked).payload_sha256
    assert answered("Green", asked).payload_sha256 == answered("Green", asked).payload_sha256


def test_an_edited_list_changes_the_verdict_of_the_same_row() -> None:
    row = [{"question_id": "q", "answer": "Green"}]
    more = question("SINGLE_SELECT", options=[*COLOURS, {"id": "o-green", "name": "Green"}])
    assert mapped(row, question(**SELECT)).problems is not None
    assert body_of(mapped(row, more))[ANSWERS][0]["answer"] == "o-green"


def test_no_problem_with_an_answer_holds_its_value_or_a_strange_id() -> None:
    secret = "Xq7Secret"
    for kind in ("TEXT", "NUMBER", "BOOLEAN", "DATE", "SINGLE_SELECT", "MULTI_SELECT", "FILE"):
        row = answered(secret, question(kind, max_length=1, options=COLOURS))
        assert secret not in (row.problems or "")
    strange = mapped(None, question("TEXT", required=True, id="{{ secret }}\n"))
    assert "secret" not in json.dumps(problems_of(strange))
