"""The key of a row is the exact text of an integer, UUID or string; anything else is no key, and says why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy
import pandas
import pytest

from kombo_provider.mapping import RowMapper
from tests.unit.mapping.one_row import VALID, map_row, problems_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (17, "17"),
        (0, "0"),
        (2**63 - 1, "9223372036854775807"),
        (numpy.int64(5), "5"),
        (Decimal(12345678901234567890), "12345678901234567890"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (" 007 ", "007"),
        ("12:remote/7?ü", "12:remote/7?ü"),
        ("x" * 800, "x" * 800),
    ],
    ids=str,
)
def test_the_key_is_exact_text(value: Any, text: str) -> None:
    mapped = map_row({"applicant_id": value, "integration_id": value})
    assert (mapped.applicant_id, mapped.integration_id, mapped.key_problem) == (text, text, None)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "applicant_id is empty"),
        ("  ", "applicant_id is empty"),
        (float("nan"), "applicant_id is empty"),
        (17.0, "cast it to text"),
        (numpy.float64(17), "cast it to text"),
        (True, "applicant_id expected text"),
        (b"17", "binary data"),
        (Decimal("1.5"), "fraction"),
        (10**5000, "too long"),
        ("a\nb", "control characters"),
        ("a\x00b", "control characters"),
        ("a\ud800", "surrogate"),
        ("x" * 801, "longer than 800"),
        ([1], "applicant_id expected text"),
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else "integer",
)
def test_a_row_without_a_usable_key_says_why(value: Any, why: str) -> None:
    mapped = map_row({"applicant_id": value})
    assert (mapped.applicant_id, mapped.integration_id) == (None, None)
    assert mapped.key_problem is not None
    assert why in mapped.key_problem


def test_a_row_without_an_integration_has_no_usable_key() -> None:
    mapped = map_row({"integration_id": None})
    assert mapped.key_problem == "integration_id is empty, and the connection sets none"


def test_an_integer_column_that_became_float_because_of_nulls_is_refused_with_help() -> None:
    frame = pandas.DataFrame([{**VALID, "applicant_id": 1}, {**VALID, "applicant_id": None}])
    assert frame["applicant_id"].dtype == "float64"
    first, second = RowMapper(list(VALID), endpoint="application").map_chunk(frame)
    assert "integer column with NULLs" in str(first.key_problem)
    assert second.key_problem == "applicant_id is empty"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("greenhouse: one", "greenhouse: one"),
        ("größe:1", "größe:1"),
        ("a\r\nX-Evil: 1", "a\\r\\nX-Evil: 1"),
        ("a\x00b", "a\\x00b"),
        ("a\ud800", "a\\ud800"),
        ("a\\r\\nb", "a\\r\\nb"),
        ("a\u200bb", "a\\u200bb"),
    ],
    ids=ascii,
)
def test_an_integration_id_that_no_header_can_carry_makes_the_row_invalid_and_names_the_field(
    value: str, kept: str
) -> None:
    mapped = map_row({"integration_id": value})
    assert (mapped.integration_id, mapped.applicant_id, mapped.key_problem) == (kept, "A-1", None)
    assert "the id that Kombo shows" in problems_of(mapped)["integration_id"]
    assert map_row({"integration_id": value + "2"}).payload_sha256 != mapped.payload_sha256
