"""A date is never shifted; an instant leaves in UTC (API reference §2.2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy
import pandas
import pytest

from tests.unit.mapping.one_row import body_of, map_row, problems_of

BERLIN = "Europe/Berlin"
CEST = timezone(timedelta(hours=2))


def sent(value: Any, **settings: Any) -> str:
    mapped = map_row({"candidate__availability_date": value}, **settings)
    text: str = body_of(mapped)["candidate"]["availability_date"]
    return text


def changed_at(value: Any, **settings: Any) -> datetime | None:
    return map_row({"changed_at": value}, **settings).changed_at


@pytest.mark.parametrize("value", [date(2021, 1, 1), "2021-01-01", " 2021-01-01 "], ids=repr)
@pytest.mark.parametrize("zone", ["UTC", BERLIN, "Pacific/Kiritimati", "America/Los_Angeles"])
def test_a_date_is_never_shifted(value: Any, zone: str) -> None:
    assert sent(value, source_timezone=zone) == "2021-01-01"


@pytest.mark.parametrize(
    "value",
    [
        datetime(2021, 7, 1, 12, 0, 0, 999999),  # noqa: DTZ001 - naive on purpose
        pandas.Timestamp("2021-07-01 12:00:00.123456789"),
        numpy.datetime64("2021-07-01T12:00:00", "ns"),
        "2021-07-01 12:00:00",
        "2021-07-01T12:00:00.5",
        "2021-07-01 12:00",
    ],
    ids=repr,
)
def test_a_naive_instant_is_in_the_sources_zone(value: Any) -> None:
    assert sent(value) == "2021-07-01T12:00:00Z"
    assert sent(value, source_timezone=BERLIN) == "2021-07-01T10:00:00Z"


@pytest.mark.parametrize(
    "value",
    [
        datetime(2021, 7, 1, 12, tzinfo=CEST),
        datetime(2021, 7, 1, 12, tzinfo=ZoneInfo(BERLIN)),
        pandas.Timestamp("2021-07-01 12:00", tz=BERLIN),
        "2021-07-01T12:00:00+02:00",
        "2021-07-01 12:00:00+02",
        "2021-07-01T10:00:00.123456Z",
        "2021-07-01T10:00Z",
    ],
    ids=repr,
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_an_aware_instant_leaves_in_utc(value: Any, zone: str) -> None:
    assert sent(value, source_timezone=zone) == "2021-07-01T10:00:00Z"
    moment = changed_at(value, source_timezone=zone)
    assert moment is not None
    assert moment.replace(microsecond=0) == datetime(2021, 7, 1, 10, tzinfo=UTC)
    assert moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2021-02-30", "of the calendar"),
        ("2021-01-01T25:00:00", "is no day or time of the calendar"),
        ("2021-01-01T10:00:60Z", "is no day or time of the calendar"),
        ("01.02.2021", "expected a date"),
        ("2021-1-1", "expected a date"),
        ("20210101", "expected a date"),
        ("2021-W01-1", "expected a date"),
        ("٢٠٢١-01-01", "expected a date"),
        (20210101, "expected a date"),
        (1609459200.0, "expected a date"),
        (True, "expected a date"),
        (timedelta(days=1), "expected a date"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))), "outside the years"),
        ("0001-01-01T00:00:00+14:00", "outside the years"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("alias", ["candidate__availability_date", "changed_at", "gdpr_consent__expires_at"])
def test_what_is_no_date_is_reported_for_its_row_only(alias: str, value: Any, expected: str) -> None:
    mapped = map_row({alias: value})
    assert expected in problems_of(mapped)[alias]
    assert mapped.changed_at is None


def test_a_date_in_changed_at_is_its_midnight_in_the_sources_zone() -> None:
    assert changed_at(date(2021, 7, 1), source_timezone=BERLIN) == datetime(2021, 6, 30, 22, tzinfo=UTC)
    assert changed_at("2021-07-01") == datetime(2021, 7, 1, tzinfo=UTC)


def test_changed_at_keeps_its_microseconds() -> None:
    assert changed_at("2021-07-01 12:00:00.123456") == datetime(2021, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_no_changed_at_is_none() -> None:
    assert map_row().changed_at is None
    assert changed_at(pandas.NaT) is None
    assert changed_at(" ") is None


def test_dates_inside_json_and_native_objects_follow_the_same_rule() -> None:
    native = map_row({"gdpr_consent": {"given": True, "expires_at": date(2030, 1, 1)}}, source_timezone=BERLIN)
    text = map_row({"gdpr_consent": '{"given": true, "expires_at": "2030-01-01T01:00:00"}'}, source_timezone=BERLIN)
    assert body_of(native)["gdpr_consent"] == {"given": True, "expires_at": "2030-01-01"}
    assert body_of(text)["gdpr_consent"] == {"given": True, "expires_at": "2030-01-01T00:00:00Z"}
