"""The concurrency cap per integration and the rate limit per API key."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kombo_sandbox.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kombo_sandbox.exchange import Headers


class Concurrency:
    """Counts the actions that are being handled, also those whose client has gone."""

    def __init__(self) -> None:
        self.in_flight: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()

    @contextmanager
    def slot(self, integration_id: str, limit: int | None) -> Iterator[None]:
        """Holds a slot, or refuses at once: nothing queues."""
        in_flight = self.in_flight
        if limit is not None and in_flight[integration_id] >= limit:
            self.rejected[integration_id] += 1
            raise concurrency_exceeded(limit)
        in_flight[integration_id] += 1
        if in_flight[integration_id] > self.peak[integration_id]:
            self.peak[integration_id] = in_flight[integration_id]
        try:
            yield
        finally:
            in_flight[integration_id] -= 1  # of the same counter, where `reset` has put a new one in its place

    def headers(self, integration_id: str, limit: int | None) -> Headers:
        """The two headers of an action's answer; none where no cap is active."""
        if limit is None:
            return ()
        remaining = max(limit - self.in_flight[integration_id], 0)
        return (("Concurrency-Limit", str(limit)), ("Concurrency-Remaining", str(remaining)))

    def reset(self) -> None:
        """Starts from nothing; requests from before a reset are counted no more."""
        self.in_flight = Counter()
        self.peak = Counter()
        self.rejected = Counter()


def concurrency_exceeded(limit: int | None) -> ApiError:
    return ApiError(
        "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED",
        f"More than {limit} actions of this integration are running. Try again later.",
    )


def rate_exceeded(limit: int, reset_seconds: float) -> ApiError:
    headers = rate_headers(limit, 0, reset_seconds)
    return ApiError("PLATFORM.RATE_LIMIT_EXCEEDED", "Too many requests. Try again later.", headers=headers)


def rate_headers(limit: int, remaining: int, reset_seconds: float) -> Headers:
    return (
        ("ratelimit-limit", str(limit)),
        ("ratelimit-remaining", str(remaining)),
        ("ratelimit-reset", str(max(math.ceil(reset_seconds), 0))),
    )


class RateLimit:
    """So many requests per key in each window, counted from the window's first request."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}

    def count(self, key: str, limit: int, window_seconds: float, now: float) -> Headers:
        """Counts one request; the headers of its answer, or the refusal."""
        started, used = self._windows.get(key, (now, 0))
        if now - started >= window_seconds:
            started, used = now, 0
        reset_seconds = started + window_seconds - now
        if used >= limit:
            raise rate_exceeded(limit, reset_seconds)
        self._windows[key] = (started, used + 1)
        return rate_headers(limit, limit - used - 1, reset_seconds)

    def reset(self) -> None:
        self._windows.clear()
