"""Dates and instants, as sources hold them and as Kombo takes them (API reference §2.2)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from kombo_provider.errors import ConfigurationError
from kombo_provider.mapping.values import Rules, from_numpy, refuse, tidy

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?", re.ASCII)
_EXPECTED = "expected a date (YYYY-MM-DD) or an instant (YYYY-MM-DDTHH:MM:SS, with Z or an offset)"
_OUT_OF_RANGE = "is outside the years 1 to 9999"


def zone_named(name: str) -> tzinfo:
    """Return the time zone of that IANA name.

    Raises ConfigurationError for a name this machine does not know.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, TypeError, LookupError) as exc:
        raise ConfigurationError(
            f"source_timezone {name!r} is no time zone: give an IANA name such as Europe/Berlin"
        ) from exc


def instant(value: Any, rules: Rules) -> datetime | None:
    """Return the instant, in UTC, of a date-time, a date (its midnight) or ISO text.

    Naive ones are in the source's zone.
    """
    if type(value) is datetime and value.tzinfo is UTC:
        return value
    value = from_numpy(value)
    if isinstance(value, str):
        text = tidy(value)
        if not text:
            return None
        return _instant_of_text(text, rules.zone)
    if isinstance(value, datetime):  # before `date`, which every datetime is as well
        return _in_utc(value, rules.zone)
    if isinstance(value, date):
        return _in_utc(datetime(value.year, value.month, value.day), rules.zone)  # noqa: DTZ001 - gets its zone there
    raise refuse(_EXPECTED)


def instants(texts: list[str], rules: Rules) -> list[datetime] | None:
    """Return the instants of texts where all of them are plain ones; raise ValueError for a day that there is not."""
    if not all(map(_DATE_TIME.fullmatch, texts)):
        return None
    moments = list(map(datetime.fromisoformat, texts))
    if rules.zone is UTC and not any(moment.tzinfo for moment in moments):
        return [datetime.fromisoformat(f"{text}Z") for text in texts]  # far quicker than to replace their zone
    return [_in_utc(moment, rules.zone) for moment in moments]


def date_text(value: Any, rules: Rules) -> str | None:
    """Return a date as YYYY-MM-DD, never shifted, and an instant as YYYY-MM-DDTHH:MM:SSZ.

    Text with a time of day is an instant like any other: naive, it is in the source's zone.
    """
    if type(value) is date:
        return value.isoformat()
    value = from_numpy(value)
    if isinstance(value, str):
        text = tidy(value)
        if not text:
            return None
        return _date_of_text(text, rules.zone)
    moment = instant(value, rules)
    if moment is None:
        return None
    return _zulu(moment)


def _date_of_text(text: str, zone: tzinfo) -> str:
    if not _DATE.fullmatch(text):
        return _zulu(_instant_of_text(text, zone))
    try:
        date.fromisoformat(text)
    except ValueError:
        raise refuse("is no day of the calendar") from None
    return text


def _instant_of_text(text: str, zone: tzinfo) -> datetime:
    if not _DATE_TIME.fullmatch(text) and not _DATE.fullmatch(text):
        raise refuse(_EXPECTED)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise refuse("is no day or time of the calendar") from None
    return _in_utc(moment, zone)


def _in_utc(moment: datetime, zone: tzinfo) -> datetime:
    to_python = getattr(moment, "to_pydatetime", None)  # pandas.Timestamp, without importing pandas here
    if to_python:
        moment = to_python(warn=False)
    try:
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        raise refuse(_OUT_OF_RANGE) from None


def _zulu(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
