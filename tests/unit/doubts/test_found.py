"""What a record of Kombo's proves about when an application was made."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kombo_provider.doubts.found import found, instant, is_about, is_for_job, objects
from tests.unit.doubts.rows import doubt

NO_PROOF = [
    None,
    "",
    17,
    "2026-11-26",
    "20261126",
    "2026-11-26T00:00:00Z",
    "2026-11-26T00:00:00.000Z",
    "2026-11-26T00:00:00+00:00",
    "2026-11-26T09:30:00",
    "yesterday at noon",
    "9999-12-31T23:59:59-12:00",
    {"at": "2026-11-26T09:30:00Z"},
]


@pytest.mark.parametrize("stamp", NO_PROOF, ids=range(len(NO_PROOF)))
def test_no_date_is_no_proof_and_a_days_granularity_is_none(stamp: object) -> None:
    assert instant(stamp) is None


@pytest.mark.parametrize("stamp", ["2026-11-26T09:30:00Z", "2026-11-26T09:30:00.000Z", "2026-11-26T10:30:00+01:00"])
def test_an_instant_with_a_zone_is_one(stamp: str) -> None:
    assert instant(stamp) == datetime(2026, 11, 26, 9, 30, tzinfo=UTC)


def test_an_application_made_before_the_request_is_not_its() -> None:
    (hit,) = found({"id": "a", "remote_created_at": "2026-11-26T09:30:00Z"}, {"id": "c"})
    assert hit.made_after(datetime(2026, 11, 26, 9, 29, 59, tzinfo=UTC))
    assert not hit.made_after(datetime(2026, 11, 26, 9, 30, 1, tzinfo=UTC))
    assert not hit.made_after(None)


@pytest.mark.parametrize("application", [{}, {"id": None}, {"id": 5}, {"id": ["a"]}, {"id": ""}])
def test_a_record_without_a_usable_id_is_nothing(application: dict[str, object]) -> None:
    assert list(found(application, {})) == []


@pytest.mark.parametrize("value", [None, 5, "text", {"a": 1}, [None, 5, "text", []]])
def test_what_is_no_list_of_objects_is_empty(value: object) -> None:
    assert objects(value) == []
    assert not is_about({"email_addresses": value}, doubt(email="ada@example.com"), str)
    assert not is_for_job({"job": value}, "job")


def test_no_address_is_nobody() -> None:
    ada = {"email_addresses": [{"email_address": " ADA@example.com"}]}
    assert not is_about({"email_addresses": [{"email_address": None}]}, doubt(), lambda _: None)
    assert not is_about(ada, doubt(), lambda _: None)
    assert is_about(ada, doubt(email="ada@example.com"), lambda _: None)
    assert is_about(ada, doubt(email_sha256="digest"), lambda _: "digest")
