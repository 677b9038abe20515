"""Lists and objects in one cell, native or as JSON text, are checked key by key."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest

from tests.unit.mapping.one_row import body_of, map_row, problems_of

TYPED: list[tuple[str, Any, dict[str, str]]] = [
    ("candidate__social_links", [{"url": "linkedin.com/in/x"}], {"candidate__social_links[0].url": "absolute URL"}),
    ("candidate__social_links", [{"url": "https://a.b/c d"}], {"candidate__social_links[0].url": "absolute URL"}),
    ("candidate__social_links", ["https://a.b"], {"candidate__social_links[0]": "expected an object"}),
    ("candidate__social_links", {"url": "https://a.b"}, {"candidate__social_links": "expected a list"}),
    (
        "candidate__social_links",
        [{"url": "https://a.b"}, {"link": "https://a.b"}],
        {
            "candidate__social_links[1].url": "is required",
            "candidate__social_links[1]": "a key that Kombo does not know",
        },
    ),
    ("candidate__location", {"city": "Berlin"}, {"candidate__location__country": "is required"}),
    (
        "candidate__location",
        {"country": "DE", "zipcode": "1"},
        {"candidate__location__zipcode": "no field of Kombo's (did you mean zip_code?)"},
    ),
    ("candidate__location", ["DE"], {"candidate__location": "expected an object"}),
    ("candidate__location", {"country": "DE", "zip_code": 10115.0}, {"candidate__location__zip_code": "cast"}),
    (
        "candidate__additional_email_addresses",
        [{"type": "HOME", "email_address": "x"}],
        {
            "candidate__additional_email_addresses[0].type": "one of PERSONAL, WORK, OTHER",
            "candidate__additional_email_addresses[0].email_address": "e-mail address",
        },
    ),
    (
        "candidate__salary_expectations",
        {"amount": True, "period": "YEAR"},
        {"candidate__salary_expectations__amount": "number"},
    ),
    ("gdpr_consent", {"expires_at": "soon"}, {"gdpr_consent__expires_at": "expected a date"}),
    ("screening_question_answers", [{"question_id": "q"}], {"screening_question_answers[0].answer": "is required"}),
    ("screening_question_answers", [{"answer": "a"}], {"screening_question_answers[0].question_id": "is required"}),
    (
        "screening_question_answers",
        [{"question_id": "q", "answer": {"data": "AA=="}}],
        {"screening_question_answers[0].answer.name": "is required"},
    ),
    (
        "screening_question_answers",
        [{"question_id": "q", "answer": {"name": "a.txt", "typ": "CV", "data_url": "https://a.b"}}],
        {"screening_question_answers[0].answer.typ": "no field of Kombo's"},
    ),
    (
        "screening_question_answers",
        [{"question_id": "q", "answer": [1.5]}],
        {"screening_question_answers[0].answer": "cast the column to text"},
    ),
]


@pytest.mark.parametrize("as_text", [False, True], ids=["native", "JSON text"])
@pytest.mark.parametrize(("alias", "value", "expected"), TYPED)
def test_what_is_wrong_inside_is_named_by_its_path(
    alias: str, value: Any, expected: dict[str, str], as_text: bool
) -> None:
    found = problems_of(map_row({alias: json.dumps(value) if as_text else value}))
    assert found.keys() == expected.keys()
    for field, problem in expected.items():
        assert problem in found[field]


@pytest.mark.parametrize("text", ["[", "{'url': 'https://a.b'}", "[NaN]", "https://a.b", "[" * 100_000, "9" * 5000])
def test_text_that_is_no_json_is_reported(text: str) -> None:
    (problem,) = problems_of(map_row({"candidate__social_links": text})).values()
    assert problem in ("is not valid JSON", "is nested too deep", "expected a list, native or as JSON text")


@pytest.mark.parametrize(
    "value",
    [
        [{"url": " https://a.b/\x00 "}, {"url": None}, {"url": " "}, None, {}],
        '[{"url": " https://a.b/\\u0000 "}, {"url": null}, {"url": " "}, null, {}]',
        ({"url": "https://a.b/"},),
        numpy.array([{"url": "https://a.b/"}], dtype=object),
    ],
    ids=["native", "JSON text", "tuple", "numpy array"],
)
def test_absent_parts_of_a_list_are_left_out_and_its_text_is_tidied(value: Any) -> None:
    assert body_of(map_row({"candidate__social_links": value}))["candidate"]["social_links"] == [
        {"url": "https://a.b/"}
    ]


@pytest.mark.parametrize("value", [[], "[]", " [ ] ", [{}], '[{"url": ""}]', "null", (), numpy.array([])], ids=repr)
def test_a_list_with_nothing_in_it_is_absent(value: Any) -> None:
    assert "social_links" not in body_of(map_row({"candidate__social_links": value}))["candidate"]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("Yes", "Yes"),
        (" two\nlines ", "two\nlines"),
        (True, True),
        (False, False),
        (0, 0),
        (5.0, 5),
        (2.5, 2.5),
        ("2021-01-01", "2021-01-01"),
        (["a", "b"], ["a", "b"]),
        ({"name": "a.pdf", "data_url": "https://a.b/a.pdf"}, {"name": "a.pdf", "data_url": "https://a.b/a.pdf"}),
    ],
    ids=repr,
)
def test_a_screening_answer_takes_any_of_kombos_forms(given: Any, sent: Any) -> None:
    answers = [{"question_id": "q", "answer": given}]
    for value in (answers, json.dumps(answers)):
        (answer,) = body_of(map_row({"screening_question_answers": value}))["screening_question_answers"]
        assert answer["answer"] == sent
        assert type(answer["answer"]) is type(sent)


def test_many_problems_of_one_cell_are_cut_short() -> None:
    problems = map_row({"candidate__social_links": [{"url": "x"}] * 500}).problems
    assert problems is not None
    assert len(json.loads(problems)) == 21
    assert "and 480 more" in problems


def test_objects_nested_too_deep_or_in_themselves_spoil_their_row_only() -> None:
    endless: list[Any] = []
    endless.append(endless)
    deep: dict[str, Any] = {}
    for _ in range(3000):
        deep = {"a": deep}
    for alias in ("candidate__social_links", "remote_fields", "candidate__location"):
        for value in (endless, deep):
            (problem,) = problems_of(map_row({alias: value})).values()
            assert problem in ("is nested too deep", "is nested more than 100 deep")
