"""Files are held to what the integration says, else to what Kombo advises, and to what a task can hold."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from kombo_provider.ledger import DeliveryKey
from kombo_provider.ledger.claims import Intent
from kombo_provider.sending.attachment_limits import (
    ADVISED_BYTES,
    LARGEST_FILES_BYTES,
    NOT_TOLD,
    AttachmentLimits,
    limits_of,
)
from kombo_provider.sending.request import UnreadableFileError, build_body

CV = {"is_supported": True, "min_amount": None, "max_amount": None}


def file(size: int | None = None, **more: Any) -> dict[str, Any]:
    """An attachment in the body (of a size), or read by its path."""
    source = {"path": "/cv.pdf"} if size is None else {"data": base64.b64encode(bytes(size)).decode()}
    return {"name": "cv.pdf", "type": "CV", "content_type": "application/pdf", **source, **more}


def build(limits: AttachmentLimits, *attachments: dict[str, Any], read: int = 0) -> bytes:
    """The body of a row with these attachments; files are of `read` bytes."""
    payload = json.dumps({"attachments": attachments}, separators=(",", ":"))
    has_files = any("path" in attachment for attachment in attachments)
    intent = Intent(DeliveryKey("s", "i", "a"), 1, "application", "J", payload, has_files, 0, False)
    return build_body(intent, lambda _: bytes(read), limits)


def refused(limits: AttachmentLimits, *attachments: dict[str, Any], read: int = 0) -> tuple[str, str]:
    with pytest.raises(UnreadableFileError) as raised:
        build(limits, *attachments, read=read)
    return raised.value.field, raised.value.problem


def test_ten_megabytes_in_all_where_the_integration_does_not_say() -> None:
    assert limits_of({}) == NOT_TOLD
    assert build(NOT_TOLD, file(), read=ADVISED_BYTES)
    told = ("attachments[0].path", "the row's files are larger than 10 MB together")
    assert refused(NOT_TOLD, file(), read=ADVISED_BYTES + 1) == told


def test_files_inside_the_body_count_too_and_leave_it_as_it_is() -> None:
    half = ADVISED_BYTES // 2
    body = build(NOT_TOLD, file(half), file(half))
    assert json.loads(body)["attachments"][1] == file(half)
    assert refused(NOT_TOLD, file(half), file(half + 1))[0] == "attachments[1].data"
    assert refused(NOT_TOLD, file(half + 1), file(), read=half)[0] == "attachments[1].path"


def test_the_total_that_the_integration_names_counts_in_both_directions() -> None:
    assert refused(limits_of({"total_size_bytes": 5}), file(6))[1].endswith(
        "the 5 bytes that the integration takes together"
    )
    assert build(limits_of({"total_size_bytes": 15_000_000}), file(), read=12_000_000)


def test_no_integration_makes_a_task_hold_more_than_it_can() -> None:
    limits = limits_of({"total_size_bytes": 10 * LARGEST_FILES_BYTES})
    assert "larger than 20 MiB" in refused(limits, file(), read=LARGEST_FILES_BYTES + 1)[1]


def test_a_file_is_held_to_the_size_and_the_media_types_of_its_type() -> None:
    rules = {**CV, "max_file_size_bytes": 4, "accepted_mime_types": ["application/pdf"]}
    limits = limits_of({"total_size_bytes": None, "types": {"CV": rules, "OTHER": None, "COVER_LETTER": "?"}})
    assert build(limits, file(4), file(5, type="OTHER", content_type="text/plain"))
    assert refused(limits, file(5))[0] == "attachments[0].data"
    assert refused(limits, file(), read=5)[0] == "attachments[0].path"
    assert refused(limits, file(), file(1, content_type="text/plain"), read=1)[0] == "attachments[1].content_type"
    no_type = {"name": "cv", "type": "CV", "data_url": "https://example.com/cv"}
    assert build(limits, no_type)


def test_a_file_may_be_as_large_as_its_type_says_where_no_total_is_named() -> None:
    rules = {**CV, "max_file_size_bytes": 12_000_000}
    assert build(limits_of({"total_size_bytes": None, "types": {"CV": rules}}), file(), read=12_000_000)


@pytest.mark.parametrize("number", [0, -1, True, "5", float("nan"), float("inf"), [5], None])
def test_a_size_that_makes_no_sense_is_none(number: Any) -> None:
    limits = limits_of({"total_size_bytes": number, "types": {"CV": {**CV, "max_file_size_bytes": number}}})
    assert (limits.total_bytes, limits.bytes_by_type) == (ADVISED_BYTES, {})


@pytest.mark.parametrize(
    "listed", [None, [], "application/pdf", [5], ["*"], ["application/*"], ["APPLICATION/PDF; q=1"]]
)
def test_media_types_that_are_not_told_refuse_nothing(listed: Any) -> None:
    limits = limits_of({"types": {"CV": {**CV, "accepted_mime_types": listed}}})
    assert build(limits, file(1))


@pytest.mark.parametrize("restrictions", [{"types": []}, {"types": None}, {"types": {"CV": {"is_supported": False}}}])
def test_other_restrictions_are_kombos_to_judge(restrictions: dict[str, Any]) -> None:
    assert build(limits_of(restrictions), file(1))


def test_a_row_without_files_is_not_even_parsed() -> None:
    intent = Intent(DeliveryKey("s", "i", "a"), 1, "application", "J", '{"candidate": 1', False, 0, False)
    limits = limits_of({"total_size_bytes": 5_000, "types": {"CV": {**CV, "max_file_size_bytes": 1}}})
    assert build_body(intent, lambda _: b"", limits) == b'{"candidate": 1'
