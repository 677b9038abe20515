"""What the headers of an answer say about Kombo's limits."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final, Protocol

log = logging.getLogger(__name__)

# A proxy's or a broken server's header must not stop a lane for days; after an hour asking again does no harm.
LONGEST_PAUSE_SECONDS: Final = 3_600.0

_SENSELESS: Final = "is not a number that makes sense; it is ignored"
# The drafts of these headers allow parameters behind the number, such as `300;w=60`.
_WHOLE = re.compile(r"\s*(\d{1,9})\b", re.ASCII)
_SECONDS = re.compile(r"\s*\d{1,300}(\.\d{1,9})?\s*", re.ASCII)
"""Any number that is not yet infinite to Python; longer pauses than an hour are cut later."""


@cache
def _tell_once(name: str, what: str) -> None:
    """Say once a process that a header makes no sense: it may come with every answer."""
    log.warning("Kombo's header %s %s", name, what)


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What one answer says about Kombo's rate limit; `refused`: it was the limit that refused the request."""

    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None
    refused: bool = False


class Pacing(Protocol):
    """Keeps reads to a rate limit that others share."""

    def wait(self) -> None:
        """Return when the next request may leave."""

    def heed(self, limits: RateLimits) -> None:
        """Take in what an answer says."""


def rate_limits(headers: Mapping[str, str], *, refused_for_seconds: float | None = None) -> RateLimits:
    """Return what the headers say; `refused_for_seconds` is what a refusal asks to wait."""
    lower = {name.lower(): str(value) for name, value in headers.items()}
    reset = refused_for_seconds
    if reset is None:
        reset = seconds(lower, "ratelimit-reset")
    return RateLimits(
        limit=whole_number(lower, "ratelimit-limit"),
        remaining=whole_number(lower, "ratelimit-remaining"),
        reset_seconds=_at_most_an_hour(reset),
        refused=refused_for_seconds is not None,
    )


def whole_number(headers: Mapping[str, str], name: str, *, at_least: int = 0) -> int | None:
    """Return the number in a header such as `Concurrency-Limit: 30`, None where there is none that makes sense.

    `headers` has lower-case names.
    """
    if name not in headers:
        return None
    found = _WHOLE.match(headers[name])
    if found is None or int(found[1]) < at_least:
        _tell_once(name, _SENSELESS)
        return None
    return int(found[1])


def seconds(headers: Mapping[str, str], name: str) -> float | None:
    """Return the seconds in a header such as `ratelimit-reset: 57`, None where there are none that make sense."""
    if name not in headers:
        return None
    if not _SECONDS.fullmatch(headers[name]):
        _tell_once(name, _SENSELESS)
        return None
    return float(headers[name])


def retry_after_seconds(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """Return how long `Retry-After` asks to wait: seconds, or an HTTP date (RFC 9110, 10.2.3).

    A date is measured against the answer's own `Date`, so that a wrong clock here does not matter.
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    # Kombo documents no `Retry-After`; a load balancer before it may send one all the same (API reference, section 10).
    until = _instant(value)
    if until is None:
        return seconds(headers, "retry-after")
    since = _instant(headers.get("date", "")) or now or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def pause_seconds(headers: Mapping[str, str], *, is_rate_limit: bool, now: datetime | None = None) -> float | None:
    """Return how long to wait before the next request, None where the answer does not say.

    `ratelimit-reset` is on every answer of Kombo and asks to wait only where the rate limit was hit
    (Kombo docs: getting-started/querying-api#rate-limiting). Never more than an hour.
    """
    pause = retry_after_seconds(headers, now)
    if pause is None and is_rate_limit:
        pause = seconds(headers, "ratelimit-reset")
    if pause is not None and pause > LONGEST_PAUSE_SECONDS:
        _tell_once("retry-after or ratelimit-reset", "asks to wait for more than an hour; an hour is waited")
    return _at_most_an_hour(pause)


def _at_most_an_hour(pause: float | None) -> float | None:
    if pause is None:
        return None
    return min(pause, LONGEST_PAUSE_SECONDS)


def _instant(value: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # "-0000" says that the zone is not known, and Python gives a time without one; in HTTP it is UTC all the same.
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    return instant
