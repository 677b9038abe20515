"""Text is stripped and control characters go; nothing else is rewritten: what is wrong is reported."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import numpy
import pandas
import pytest

from kombo_provider.mapping import RowMapper
from tests.unit.mapping.one_row import VALID, body_of, map_row, problems_of

ABSENT = [None, float("nan"), pandas.NaT, pandas.NA, "", "  \n", "\x00", Decimal("NaN"), numpy.nan]
SALARY = {"candidate__salary_expectations__period": "YEAR"}


class Level(Enum):
    SENIOR = "senior"


def candidate(**fields: Any) -> dict[str, Any]:
    columns = {f"candidate__{name}": value for name, value in fields.items()}
    found: dict[str, Any] = body_of(map_row(columns))["candidate"]
    return found


def problem(alias: str, value: Any, **settings: Any) -> str:
    (found,) = problems_of(map_row({alias: value}, **settings)).items()
    assert found[0] == alias
    return found[1]


@pytest.mark.parametrize("value", ABSENT, ids=repr)
def test_null_nan_nat_and_blank_text_are_absent(value: Any) -> None:
    assert "title" not in candidate(title=value)


@pytest.mark.parametrize("value", ABSENT, ids=repr)
def test_a_required_value_that_is_absent_makes_the_row_invalid(value: Any) -> None:
    assert problem("candidate__last_name", value) == "is required"


def test_an_object_left_with_no_key_is_left_out() -> None:
    assert "location" not in candidate(location__city=" ", location__country=None)
    assert "gdpr_consent" not in body_of(map_row({"gdpr_consent__given": None}))


def test_a_part_of_an_object_without_what_the_object_requires_is_a_problem() -> None:
    columns = {"candidate__location__city": "Berlin", "candidate__location__country": None}
    assert problems_of(map_row(columns)) == {
        "candidate__location__country": "is required, or all of candidate__location must be NULL"
    }


def test_text_is_stripped_and_control_characters_go_but_line_breaks_and_tabs_inside_stay() -> None:
    assert (
        candidate(title="\x00 Head\x07 of\r\n\tIntegrations\x7f\x85\u0093 \n")["title"] == "Head of\r\n\tIntegrations"
    )
    assert candidate(title="e\u0301\u200d\ufeff")["title"] == "e\u0301\u200d\ufeff"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (30123456789, "30123456789"),
        (numpy.int64(10115), "10115"),
        (Decimal(10115), "10115"),
        (Decimal("1E+3"), "1000"),
        (UUID("00000000-0000-0000-0000-00000000002a"), "00000000-0000-0000-0000-00000000002a"),
        (Level.SENIOR, "senior"),
        (numpy.str_(" a "), "a"),
    ],
    ids=repr,
)
def test_integers_uuids_and_enumerations_become_their_exact_text(value: Any, text: str) -> None:
    assert candidate(phone_number=value)["phone_number"] == text


@pytest.mark.parametrize("value", [10115.0, 1.5, True, numpy.float64(1), numpy.bool_(False)], ids=repr)
def test_floats_and_booleans_are_no_text(value: Any) -> None:
    assert "cast the column to text" in problem("candidate__phone_number", value)


@pytest.mark.parametrize(
    "value", [b"x", bytearray(b"x"), memoryview(b"x"), numpy.bytes_(b"x")], ids=lambda value: type(value).__name__
)
def test_binary_data_is_no_text(value: Any) -> None:
    assert "binary data" in problem("candidate__title", value)


def test_half_a_character_is_reported_and_breaks_nothing() -> None:
    assert "surrogate" in problem("candidate__title", "x\ud800")
    assert "surrogate" in problem("remote_fields", '{"a": "\\ud800"}')


@pytest.mark.parametrize(
    ("alias", "value", "expected"),
    [
        ("candidate__location__country", "de", "two capital letters"),
        ("candidate__location__country", "DEU", "two capital letters"),
        ("candidate__gender", "male", "one of MALE, FEMALE, OTHER"),
        ("candidate__gender", "MALEFEMALE", "one of MALE"),
        ("candidate__email_address", "frank", "e-mail address"),
        ("candidate__email_address", "Frank <f@example.com>", "e-mail address"),
        ("candidate__email_address", "a@b.com, c@d.com", "e-mail address"),
        ("candidate__email_address", "a@b..com", "e-mail address"),
        ("gdpr_consent__given", "maybe", "true or false"),
        ("sourced_by__user_id", "remote: ", "after remote:"),
        ("job_id", "remote:", "after remote:"),
        ("job_id", "..", "no id"),
        ("job_id", " . ", "no id"),
        ("job_id", None, "is required"),
        ("withdrawn", "perhaps", "true or false"),
        ("already_sent", 7, "true, false, or the text"),
        ("changed_at", "yesterday", "expected a date"),
        ("stage_id", 1.0, "cast the column to text"),
    ],
)
def test_what_is_wrong_is_reported_and_not_mended(alias: str, value: Any, expected: str) -> None:
    assert expected in problem(alias, value)


@pytest.mark.parametrize("address", ["a@b.co", "o'neil+x@mail.example.museum", "ü@müller.de", "A.B_c-d@EXAMPLE.COM"])
def test_e_mail_addresses_are_judged_leniently(address: str) -> None:
    assert candidate(email_address=address)["email_address"] == address


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (65000, "65000"),
        (Decimal("65000.00"), "65000"),
        (Decimal("65000.50"), "65000.5"),
        (65000.0, "65000"),
        (numpy.float64(65000.5), "65000.5"),
        (Decimal("5416.6666666666666667"), "5416.666666666667"),
        (0, "0"),
    ],
    ids=repr,
)
def test_amounts_are_exact_json_numbers(value: Any, number: str) -> None:
    payload = map_row({"candidate__salary_expectations__amount": value, **SALARY}).payload
    assert payload is not None
    assert f'"amount":{number},' in payload


@pytest.mark.parametrize("value", [float("inf"), Decimal("-Infinity"), 10**400, 1e300, Decimal("1E+999999")], ids=str)
def test_amounts_that_no_reader_could_hold_are_reported(value: Any) -> None:
    mapped = map_row({"candidate__salary_expectations__amount": value, **SALARY})
    assert "between -10^15 and 10^15" in problems_of(mapped)["candidate__salary_expectations__amount"]


def test_an_amount_as_text_is_reported() -> None:
    mapped = map_row({"candidate__salary_expectations__amount": "65.000", **SALARY})
    assert "numeric type" in problems_of(mapped)["candidate__salary_expectations__amount"]


@pytest.mark.parametrize("value", [True, 1, 1.0, numpy.bool_(True), "true", "T", "yes", "1", Decimal(1)], ids=repr)
def test_true_has_many_spellings(value: Any) -> None:
    assert body_of(map_row({"gdpr_consent__given": value}))["gdpr_consent"] == {"given": True}
    assert map_row({"withdrawn": value}).withdrawn is True
    assert map_row({"already_sent": value}).already_sent == ""


@pytest.mark.parametrize("value", [False, 0, 0.0, numpy.bool_(False), "false", "F", "no", "0"], ids=repr)
def test_false_has_many_spellings(value: Any) -> None:
    assert body_of(map_row({"gdpr_consent__given": value}))["gdpr_consent"] == {"given": False}
    assert map_row({"withdrawn": value}).withdrawn is False
    assert map_row({"already_sent": value}).already_sent is None


def test_already_sent_may_be_the_id_of_the_application() -> None:
    assert map_row({"already_sent": " 8x3YKRDcuRnwShdh96ShBNn1 "}).already_sent == "8x3YKRDcuRnwShdh96ShBNn1"


def test_one_bad_row_leaves_its_neighbours_alone_and_in_order() -> None:
    names = ["Ada", "", "Bob", "x\ud800", "Cleo"]
    frame = pandas.DataFrame(
        [{**VALID, "applicant_id": name or "nobody", "candidate__first_name": name} for name in names]
    )
    frame["applicant_id"] = range(5)
    mapped = RowMapper(list(VALID), endpoint="application").map_chunk(frame)
    assert [row.applicant_id for row in mapped] == ["0", "1", "2", "3", "4"]
    assert [row.problems is None for row in mapped] == [True, False, True, False, True]


@pytest.mark.parametrize("dtype", [None, object, "string", "category"])
def test_any_dtype_of_a_text_column_gives_the_same_rows(dtype: Any) -> None:
    row = {**VALID, "candidate__title": "Head"}
    frame = pandas.DataFrame([row, {**row, "candidate__title": None}])
    mapper = RowMapper(list(row), endpoint="application")
    expected = mapper.map_chunk(frame.astype(object))
    assert mapper.map_chunk(frame.astype(dtype) if dtype else frame) == expected


def test_typed_columns_give_the_same_rows_as_objects() -> None:
    row = {**VALID, "applicant_id": 7, "changed_at": pandas.Timestamp("2021-01-01", tz="Europe/Berlin")}
    row |= {"gdpr_consent__given": True, "candidate__phone_number": 30}
    frame = pandas.DataFrame(
        [row, {**row, "changed_at": None, "gdpr_consent__given": None, "candidate__phone_number": None}]
    )
    frame = frame.astype({"candidate__phone_number": "Int64", "gdpr_consent__given": "boolean"})
    assert str(frame["changed_at"].dtype).startswith("datetime64")
    mapper = RowMapper(list(row), endpoint="application")
    full, sparse = mapper.map_chunk(frame)
    assert full.changed_at == datetime(2020, 12, 31, 23, tzinfo=UTC)
    assert body_of(full)["gdpr_consent"] == {"given": True}
    assert body_of(full)["candidate"]["phone_number"] == "30"
    assert sparse.changed_at is None
    assert sparse.payload == map_row({"applicant_id": "7"}).payload
