"""An odd telephone number is a warning, counted without its value; the row is sent."""

from __future__ import annotations

import json
from typing import Any

import pandas
import pytest

from kombo_provider.mapping import MappedRow, RowMapper
from kombo_provider.mapping.phones import ODD_PHONE
from tests.unit.mapping.one_row import VALID, body_of, map_row

PHONE = "candidate__phone_number"
MORE = "candidate__additional_phone_numbers"


def warned(mapped: MappedRow) -> list[str]:
    return [field for field, _ in mapped.warnings]


@pytest.mark.parametrize(
    "phone",
    [
        "+1-541-754-3010",
        "+49 (0)30 / 901820",
        "030901820",
        "(541) 754.3010 ext. 12",
        "0041 44 668 18 00",
        "12345",
        4930901820,
    ],
)
def test_a_usual_number_passes_in_silence(phone: Any) -> None:
    assert warned(map_row({PHONE: phone})) == []


@pytest.mark.parametrize("phone", ["n/a", "none", "1234", "+", "1" * 18, "ask Ada", "12345x", "+49+30901820", "١٢٣٤٥"])
def test_an_odd_number_is_sent_with_a_warning_that_does_not_hold_it(phone: str) -> None:
    mapped = map_row({PHONE: phone})
    assert body_of(mapped)["candidate"]["phone_number"] == phone
    assert mapped.warnings == ((PHONE, ODD_PHONE),)


@pytest.mark.parametrize("given", [list, json.dumps], ids=["native", "JSON text"])
def test_odd_numbers_in_lists_and_whole_candidates_are_seen(given: Any) -> None:
    numbers = [{"type": "WORK", "phone_number": "+49 30 901820"}, {"type": "WORK", "phone_number": 'a "b"'}]
    assert warned(map_row({MORE: given(numbers)})) == [MORE]
    assert warned(map_row({MORE: given(numbers[:1])})) == []
    names = {"first_name": "A", "last_name": "B", "email_address": "a@b.co", "phone_number": "none"}
    whole = map_row({"candidate": names}, without=tuple(name for name in VALID if name.startswith("candidate__")))
    assert warned(whole) == ["candidate"]


def test_warnings_are_counted_over_the_valid_rows_of_all_chunks() -> None:
    rows = [{**VALID, PHONE: "none"}, {**VALID, PHONE: "030901820"}, {**VALID, PHONE: "-", "job_id": None}]
    mapper = RowMapper(list(rows[0]), endpoint="application")
    for _ in range(2):
        assert [len(row.warnings) for row in mapper.map_chunk(pandas.DataFrame(rows))] == [1, 0, 0]
    assert list(mapper.warnings.values()) == [2]
