"""An attachment has exactly one source: data, data_url, or a file that is read when the request is built."""

from __future__ import annotations

import base64
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
        ({**CV, "name": "cv.unknown", "data": "AA=="}, "", "content_type is required"),
        ({**CV, "name": "run.bin", "data": "AA=="}, "", "content_type is required"),
        ({**CV, "name": "a.svg", "data": "AA=="}, "", "content_type is required"),
        ({**CV, "data": "", "content_type": "a/b"}, "", "an empty file does not count"),
        ({**CV, "data": "no base64!", "content_type": "a/b"}, ".data", "expected base64"),
        ({**CV, "data": "AA=", "content_type": "a/b"}, ".data", "expected base64"),
        ({**CV, "data": "AAAA\nAAAA", "content_type": "a/b"}, ".data", "without line breaks"),
        ({**CV, "data": "AAAA\r\nAAAA\r\n", "content_type": "a/b"}, ".data", "without line breaks"),
        ({**CV, "data": "A-_A", "content_type": "a/b"}, ".data", "it is in the URL's"),
        ({**CV, "data": "data:application/pdf;base64,AAAA", "content_type": "a/b"}, ".data", "what stands before it"),
        ({**CV, "data": "AAA", "content_type": "a/b"}, ".data", "padding"),
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


def test_a_file_has_no_other_source_than_its_path() -> None:
    wrong = {**CV, "path": "a", "data": "AA==", "content_type": "a/b"}
    assert "attachments[0]" in problems_of(map_row({"attachments": [wrong]}, attachments_from_files=True))


def content_type(attachment: dict[str, Any], **settings: Any) -> str | None:
    (found,) = body_of(map_row({"attachments": [attachment]}, **settings))["attachments"]
    told: str | None = found.get("content_type")
    return told


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF_DATA = base64.b64encode(b"%PDF-1.7\n" + b"x" * 20_000).decode()


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("cv.pdf", "AA==", "application/pdf"),
        ("CV.PDF", "AA==", "application/pdf"),
        ("cv.docx", "AA==", WORD),
        ("cv.doc", "AA==", "application/msword"),
        ("cv.odt", "AA==", "application/vnd.oasis.opendocument.text"),
        ("cv.rtf", "AA==", "application/rtf"),
        ("letter.txt", "AA==", "text/plain"),
        ("photo.jpeg", "AA==", "image/jpeg"),
        ("cv.unknown", PDF_DATA, "application/pdf"),
        ("cv.bin", "iVBORw0KGgo=", "image/png"),
    ],
)
def test_the_content_type_is_told_by_the_name_else_by_the_first_bytes(name: str, data: str, expected: str) -> None:
    assert content_type({"type": "CV", "name": name, "data": data}) == expected
    assert content_type({"type": "CV", "name": name, "data": data, "content_type": "a/b"}) == "a/b"


def test_the_content_type_of_a_download_is_left_to_its_server() -> None:
    assert content_type({**CV, "data_url": "https://files.example.com/cv.pdf"}) is None


def test_a_file_that_is_read_later_gets_its_content_type_by_its_name_or_then() -> None:
    assert content_type({**CV, "path": "s3://b/1"}, attachments_from_files=True) == "application/pdf"
    assert content_type({**CV, "name": "cv.unknown", "path": "s3://b/1"}, attachments_from_files=True) is None


def test_a_path_elsewhere_in_the_body_is_no_file() -> None:
    columns = {"remote_fields": {"lever": {"path": 1}}, "attachments": [{**CV, "data_url": "https://a.b"}]}
    assert map_row(columns, attachments_from_files=True).has_files is False
    assert map_row(attachments_from_files=True).has_files is False


def test_the_file_of_a_screening_answer_cannot_be_read_from_a_path() -> None:
    answers = [{"question_id": "q", "answer": {"name": "a", "path": "a", "content_type": "a/b"}}]
    found = problems_of(map_row({"screening_question_answers": answers}, attachments_from_files=True))
    assert "screening_question_answers[0].answer.path" in found
