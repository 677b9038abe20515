"""The body of a request: a row's payload, with its files in base64."""

from __future__ import annotations

import base64
import json
import tracemalloc
from typing import Any

import pytest

from kombo_provider.sending.attachment_limits import LARGEST_FILES_BYTES
from kombo_provider.sending.request import UnreadableFileError, build_body
from tests.unit.sending.intents import intent

CV = {"name": "cv.pdf", "type": "CV", "content_type": "application/pdf"}
MIB = 1024 * 1024


def test_each_file_stands_where_its_path_stood() -> None:
    contents = {"s3://b/1": b"%PDF-1", "s3://b/2": bytes(range(256))}
    inline = {**CV, "data": "aW5saW5l"}
    attachments = [{**CV, "path": "s3://b/1"}, inline, {**CV, "path": "s3://b/2"}]
    body = json.loads(build_body(intent(attachments=attachments, text="Zoë 美"), contents.__getitem__))
    assert body["candidate"] == {"first_name": "Zoë 美"}
    data = [base64.b64decode(found["data"]) for found in body["attachments"]]
    assert data == [b"%PDF-1", b"inline", bytes(range(256))]
    assert all("path" not in found for found in body["attachments"])


@pytest.mark.parametrize("text", ['"\\u0000file"', "\\u0000file", '\\"\\u0000file\\"', "%PDF"])
def test_no_text_of_a_row_is_taken_for_a_file(text: str) -> None:
    attachments = [{**CV, "name": text, "path": "s3://b/1"}]
    body = json.loads(build_body(intent(attachments=attachments, text=text), lambda _: b"%PDF"))
    assert (body["candidate"]["first_name"], body["attachments"][0]["name"]) == (text, text)
    assert base64.b64decode(body["attachments"][0]["data"]) == b"%PDF"


def test_a_file_without_a_content_type_gets_it_by_its_first_bytes_or_is_refused() -> None:
    attachments = [{"name": "cv.unknown", "type": "CV", "path": "s3://b/1"}]
    body = json.loads(build_body(intent(attachments=attachments), lambda _: b"%PDF-1.7"))
    assert body["attachments"][0]["content_type"] == "application/pdf"
    with pytest.raises(UnreadableFileError, match="content_type") as refused:
        build_body(intent(attachments=attachments), lambda _: b"some text")
    assert refused.value.field == "attachments[0].path"


def test_an_unreadable_file_is_named_by_its_place_and_not_by_its_path() -> None:
    def unreadable(_: str) -> bytes:
        raise UnreadableFileError("the file cannot be read (FileNotFoundError)")

    attachments: list[dict[str, Any]] = [{**CV, "data": "aQ=="}, {**CV, "path": "s3://b/jane"}]
    with pytest.raises(UnreadableFileError) as raised:
        build_body(intent(attachments=attachments), unreadable)
    assert raised.value.field == "attachments[1].path"
    assert "jane" not in str(raised.value)


def test_a_file_of_7_mb_takes_less_than_four_times_its_size_while_its_body_is_built() -> None:
    attachments = [{**CV, "path": "s3://b/1"}]
    tracemalloc.start()
    body = build_body(intent(attachments=attachments), lambda _: bytes(7 * MIB))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(body) > 9 * MIB
    assert peak < 28 * MIB


@pytest.mark.parametrize("sizes", [(LARGEST_FILES_BYTES + 1,), (LARGEST_FILES_BYTES - MIB, 2 * MIB)])
def test_files_that_are_too_large_together_make_their_row_invalid(sizes: tuple[int, ...]) -> None:
    attachments = [{**CV, "path": str(size)} for size in sizes]
    with pytest.raises(UnreadableFileError, match="larger than 20 MiB together") as raised:
        build_body(intent(attachments=attachments), lambda size: bytes(int(size)))
    assert raised.value.field == f"attachments[{len(sizes) - 1}].path"


def test_files_that_are_just_small_enough_are_sent() -> None:
    attachments = [{**CV, "path": "1"}]
    assert build_body(intent(attachments=attachments), lambda _: bytes(LARGEST_FILES_BYTES))
