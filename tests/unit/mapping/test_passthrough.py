"""remote_fields and extra_fields are passed on as they are."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.unit.mapping.one_row import body_of, map_row, problems_of

WORKDAY = {"Candidate_Data": {"Name": None, "n": [1, 2.5, "", {}], "ok": True}, "empty": {}}


@pytest.mark.parametrize("value", [{"workday": WORKDAY}, json.dumps({"workday": WORKDAY})], ids=["native", "text"])
def test_remote_fields_are_passed_on_unchecked(value: Any) -> None:
    assert body_of(map_row({"remote_fields": value}))["remote_fields"] == {"workday": WORKDAY}


def test_one_column_may_hold_the_fields_of_one_ats() -> None:
    columns: dict[str, Any] = {
        "remote_fields__WORKDAY": json.dumps(WORKDAY),
        "remote_fields__lever": None,
        "remote_fields__newats": {},
    }
    assert body_of(map_row(columns))["remote_fields"] == {"workday": WORKDAY, "newats": {}}


@pytest.mark.parametrize("value", [None, "", " "])
def test_absent_remote_fields_are_left_out_while_empty_ones_stay(value: Any) -> None:
    assert "remote_fields" not in body_of(map_row({"remote_fields": value}))
    assert body_of(map_row({"remote_fields": "{}"}))["remote_fields"] == {}
    assert "remote_fields" not in body_of(map_row({"remote_fields__lever": value}))


@pytest.mark.parametrize("value", ["[]", "1", "x", [1], 5, '"{}"'])
def test_remote_fields_must_be_an_object(value: Any) -> None:
    assert problems_of(map_row({"remote_fields__lever": value})).keys() == {"remote_fields__lever"}


def test_native_values_inside_become_json() -> None:
    value = {
        "a": Decimal("1.50"),
        "b": date(2021, 1, 1),
        "c": datetime(2021, 1, 1, tzinfo=UTC),
        "d": UUID(int=1),
        5: float("nan"),
    }
    assert body_of(map_row({"remote_fields": value}))["remote_fields"] == {
        "a": 1.5,
        "b": "2021-01-01",
        "c": "2021-01-01T00:00:00Z",
        "d": "00000000-0000-0000-0000-000000000001",
        "5": None,
    }


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("text", "text"),
        (" [1, {}] ", [1, {}]),
        ('{"a": null}', {"a": None}),
        ("{not json", "{not json"),
        (5, 5),
        (True, True),
        ({"a": ""}, {"a": ""}),
    ],
    ids=repr,
)
def test_extra_fields_are_admitted_and_passed_on_unchecked(value: Any, sent: Any) -> None:
    extras = ("candidate__newField", "candidate__visa__kind", "top", "application_form__x")
    columns = {"CANDIDATE__NEWFIELD": value, "candidate__visa__kind": value, "top": value, "application_form__x": value}
    body = body_of(map_row(columns, extra_fields=extras))
    assert body["candidate"]["newField"] == sent
    assert body["candidate"]["visa"] == {"kind": sent}
    assert body["top"] == sent
    assert body["application_form"] == {"x": sent}


def test_extra_fields_are_admitted_inside_json_objects_and_lists_too() -> None:
    columns = {
        "candidate__location": {"country": "DE", "county": "X", "json": 1},
        "candidate__social_links": '[{"url": "https://a.b", "label": "me"}]',
    }
    extras = ("candidate__location__county", "candidate__location__json", "candidate__social_links__label")
    candidate = body_of(map_row(columns, extra_fields=extras))["candidate"]
    assert candidate["location"] == {"country": "DE", "county": "X", "json": 1}
    assert candidate["social_links"] == [{"url": "https://a.b", "label": "me"}]
    assert "candidate__location__county" in problems_of(map_row(columns, extra_fields=extras[1:]))


def test_an_extra_field_that_this_version_has_learned_is_still_checked() -> None:
    extras = ("candidate__gender", "stage_id", "remote_fields__lever", "remote_fields")
    found = problems_of(map_row({"candidate__gender": "male", "remote_fields": {"x": 1}}, extra_fields=extras))
    assert found.keys() == {"candidate__gender"}
