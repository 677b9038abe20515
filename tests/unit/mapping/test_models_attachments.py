"""An attachment has exactly one source: data, data_url, or a file that is read when the request is built."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.mapping.one_row import body_of, map_row, problems_of

CV = {"name": "cv.pdf", "type": "CV"}


@pytest.mark.parametrize(
    "attachment",
    [
        {**CV, "data": "JVBERg==", "content_type": "application/pdf"},
        {**CV, "data_url": "https://files.example.com/cv.pdf?sig=a%2Fb"},
        {**CV, "data_url": "HTTP://files.example.com/cv.pdf", "content_type": "application/pdf"},
    ],
)
def test_an_attachment_leaves_as_it_is(attachment: dict[str, Any]) -> None:
    mapped = map_row({"attachments": json.dumps([attachment])})
    assert body_of(mapped)["attachments"] == [attachment]
    assert mapped.has_files is False


@pytest.mark.parametrize(
    ("attachment", "field", "expected"),
    [
        (CV, "", "exactly one of"),
        ({**CV, "data": "AA==", "data_url": "https://a.b", "content_type": "a/b"}, "", "exactly one of"),
        ({**CV, "data": "AA=="}, "", "content_type is required"),
        ({**CV, "data": "no base64!", "content_type": "a/b"}, ".data", "expected base64"),
        ({**CV, "data": "AA=", "content_type": "a/b"}, ".data", "expected base64"),
        ({**CV, "data": "AAAA\nAAAA", "content_type": "a/b"}, ".data", "without line breaks"),
        ({**CV, "data": "AA==", "content_type": "image/svg+xml"}, ".content_type", "media type"),
        ({**CV, "data": "AA==", "content_type": "text/plain; charset=utf-8"}, ".content_type", "media type"),
        ({**CV, "data_url": "s3://bucket/cv.pdf"}, ".data_url", "http(s)"),
        ({**CV, "data_url": "/cv.pdf"}, ".data_url", "http(s)"),
        ({"type": "CV", "data_url": "https://a.b"}, ".name", "is required"),
        ({"name": "cv.pdf", "data_url": "https://a.b"}, ".type", "is required"),
        ({**CV, "type": "RESUME", "data_url": "https://a.b"}, ".type", "one of CV, COVER_LETTER, OTHER"),
        ({**CV, "path": "s3://bucket/cv.pdf", "content_type": "a/b"}, ".path", "attachment_roots"),
    ],
)
def test_a_wrong_attachment_is_reported(attachment: dict[str, Any], field: str, expected: str) -> None:
    good = {**CV, "data_url": "https://a.b"}
    found = problems_of(map_row({"attachments": [good, attachment]}))
    assert found.keys() == {f"attachments[1]{field}"}
    assert expected in found[f"attachments[1]{field}"]


def test_a_file_stays_a_path_in_the_payload_where_files_are_allowed() -> None:
    attachment = {**CV, "path": "s3://bucket/cv.pdf", "content_type": "application/pdf"}
    mapped = map_row({"attachments": [attachment]}, attachments_from_files=True)
    assert body_of(mapped)["attachments"] == [attachment]
    assert mapped.has_files is True


def test_a_file_needs_its_content_type_and_no_other_source() -> None:
    for wrong in ({**CV, "path": "a"}, {**CV, "path": "a", "data": "AA==", "content_type": "a/b"}):
        assert "attachments[0]" in problems_of(map_row({"attachments": [wrong]}, attachments_from_files=True))


def test_a_path_elsewhere_in_the_body_is_no_file() -> None:
    columns = {"remote_fields": {"lever": {"path": 1}}, "attachments": [{**CV, "data_url": "https://a.b"}]}
    assert map_row(columns, attachments_from_files=True).has_files is False
    assert map_row(attachments_from_files=True).has_files is False


def test_the_file_of_a_screening_answer_cannot_be_read_from_a_path() -> None:
    answers = [{"question_id": "q", "answer": {"name": "a", "path": "a", "content_type": "a/b"}}]
    found = problems_of(map_row({"screening_question_answers": answers}, attachments_from_files=True))
    assert "screening_question_answers[0].answer.path" in found
