"""Limits and pauses that make no sense are bounded and told, never obeyed blindly."""

from __future__ import annotations

import pytest

from kombo_provider.client import limits
from kombo_provider.client.limits import LONGEST_PAUSE_SECONDS, pause_seconds, retry_after_seconds, whole_number


@pytest.fixture(autouse=True)
def nothing_told_yet() -> None:
    limits._tell_once.cache_clear()


@pytest.mark.parametrize("value", ["0", "-5", "thirty", "", "nan", "1e3 ", "٣٠"])
def test_a_concurrency_limit_that_makes_no_sense_is_ignored_and_told_once(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"concurrency-limit-{value!a}"  # told once for each name
    for _ in range(2):
        found = whole_number({name: value}, name, at_least=2)
        assert found is None
    assert [name in message for message in caplog.messages] == [True]


def test_a_limit_with_a_window_is_its_number() -> None:
    assert whole_number({"concurrency-limit": "30;w=60"}, "concurrency-limit", at_least=1) == 30


@pytest.mark.parametrize("value", ["31536000", "9999999999", "9" * 200, "Thu, 26 Nov 2126 12:00:00 GMT"])
def test_a_pause_of_years_lasts_an_hour_and_is_told(value: str, caplog: pytest.LogCaptureFixture) -> None:
    assert pause_seconds({"retry-after": value}, is_rate_limit=False) == LONGEST_PAUSE_SECONDS
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("value", ["-1", "soon", "", "1e3", "Thu, 99 Nov 2026 12:00:00 GMT"])
def test_a_pause_that_makes_no_sense_is_ignored_and_told_once(value: str, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        assert retry_after_seconds({"retry-after": value}, None) is None
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("value", ["-1", "soon"])
def test_a_reset_that_makes_no_sense_is_ignored_and_told_once(value: str, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        assert pause_seconds({"ratelimit-reset": value}, is_rate_limit=True) is None
    assert len(caplog.messages) == 1


def test_a_refusal_that_asks_for_no_pause_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert pause_seconds({}, is_rate_limit=True) is None
    assert caplog.messages == []
