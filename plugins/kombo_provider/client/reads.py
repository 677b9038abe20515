"""Reads from Kombo: repeated where that is harmless, page after page."""

from __future__ import annotations

import contextlib
import http.client
import logging
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from urllib3.util import wait_for_read

from kombo_provider.client.advice import api_error
from kombo_provider.client.codes import OutcomeClass
from kombo_provider.client.envelope import parse_read
from kombo_provider.client.limits import Pacing, rate_limits
from kombo_provider.client.outcome import Outcome, classify_answer, classify_exception
from kombo_provider.client.query import query_string
from kombo_provider.client.transport import NETWORK_ERRORS, Transport
from kombo_provider.client.wire import Answer, Wire
from kombo_provider.errors import AnswerTooLargeError, ApiError, CursorError, UnreadableAnswerError

log = logging.getLogger(__name__)

_BACKOFF_SECONDS: Final = (0.5, 1.0, 2.0, 4.0)
# None: no answer came. On a 500 Kombo's pages differ (API reference, section 11), and the stricter one holds.
_WORTH_REPEATING: Final = frozenset({None, 429, 502, 503, 504})
# Where a 429 does not say when the window ends; Kombo documents neither its number nor its length.
_RATE_LIMIT_PAUSE_SECONDS: Final = 5.0


def retry_pause_seconds(outcome: Outcome, attempt: int) -> float | None:
    """Return how long to wait before a failed read is repeated, None if it should not be.

    `attempt` counts from 0. An answer that says how long to wait is obeyed.
    """
    if attempt >= len(_BACKOFF_SECONDS) or outcome.http_status not in _WORTH_REPEATING:
        return None
    # Such a code comes with any of these statuses (setup errors did with 503), and stays until somebody acts.
    if outcome.outcome_class is OutcomeClass.INTEGRATION:
        return None
    if outcome.pause_seconds is not None:
        return outcome.pause_seconds
    return _BACKOFF_SECONDS[attempt]


def _is_rate_limit(outcome: Outcome) -> bool:
    return outcome.outcome_class is OutcomeClass.SAFE and outcome.account_wide


class Page(NamedTuple):
    """The records of one page, whether any other follows, and how many of its items are no records and left out."""

    results: list[dict[str, Any]]
    is_last: bool
    skipped: int = 0


class Reader:
    """GETs on connections that are kept open; each call ends within `timeout_seconds`, repeats included.

    Without `repeats` a call that failed is not made again.
    With a `pacing` the waits for the rate limit are the pacing's, and no part of that time.
    It does not use urllib3's `Retry`, whose warnings print the URL with its query: an e-mail address.
    """

    def __init__(
        self,
        transport: Transport,
        headers: Mapping[str, str],
        *,
        timeout_seconds: float,
        max_idle: int,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        pacing: Pacing | None = None,
        repeats: bool = True,
    ) -> None:
        self._pacing, self._repeats = pacing, repeats
        self._transport = transport
        self._headers = {**transport.headers, **headers}
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._sleep = sleep
        self._max_idle = max_idle
        self._idle: deque[Wire] = deque()
        weakref.finalize(self, _close_all, self._idle)  # a hook has no end at which anybody closes it

    def get(self, path: str, *, query: str = "", integration_id: str | None = None) -> Any:
        """Return the `data` of an answer; raises `ApiError` or one of its kinds."""
        headers = dict(self._headers)
        if integration_id:
            headers["X-Integration-Id"] = integration_id
        deadline = self._clock() + self._timeout_seconds
        attempt = 0
        while True:
            deadline += self._wait_for_turn()
            try:
                answer = self._ask(self._transport.target(path, query), headers, deadline)
            except NETWORK_ERRORS as exc:
                # A read that is repeated changes nothing, so whether its first byte had left does not matter.
                outcome = classify_exception(exc, sending_began=False, timeout_seconds=self._timeout_seconds)
            else:
                envelope = parse_read(answer.body)
                if answer.http_status == 200 and envelope.status == "success":
                    self.heed(answer)
                    if envelope.is_beginning:
                        raise self._no_json(path, integration_id)
                    return envelope.data
                # To ask again would bring the same page: a captive portal's, say, or another API's.
                if answer.complete and 200 <= answer.http_status < 300 and not envelope.is_error:
                    raise self._unreadable(path, answer.http_status)
                outcome = classify_answer(
                    answer.http_status, answer.headers, answer.body, "application", "", complete=answer.complete
                )
                self.heed(answer, outcome)
            self._sleep(self._pause_seconds(outcome, attempt, deadline, path, integration_id))
            attempt += 1

    def pages(self, path: str, pairs: list[tuple[str, str]], integration_id: str) -> Iterator[Page]:
        """Yield page after page; raises `CursorError` if a cursor comes back."""
        seen: set[str] = set()
        cursor: str | None = None
        while True:
            data = self.get(path, query=query_string(pairs, cursor), integration_id=integration_id)
            results, skipped = self._results(data, path)
            cursor = data.get("next")
            if cursor is not None and not isinstance(cursor, str):
                raise self._unreadable(path, 200)  # to take it for the end would pass over what follows
            if not cursor:
                yield Page(results, is_last=True, skipped=skipped)
                return
            yield Page(results, is_last=False, skipped=skipped)
            if cursor in seen:
                raise CursorError(
                    f"{self._call(path)} gave the same cursor twice, so the read would never end. Report it to Kombo.",
                    integration_id=integration_id,
                )
            seen.add(cursor)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._max_idle = 0
        _close_all(self._idle)

    def _pause_seconds(
        self, outcome: Outcome, attempt: int, deadline: float, path: str, integration_id: str | None
    ) -> float:
        """Return how long to wait before the next attempt; raises if there is to be none."""
        pause = None
        if self._repeats:
            pause = retry_pause_seconds(outcome, attempt)
        if pause is not None and self._pacing is not None and _is_rate_limit(outcome):
            return 0.0  # it is the pacing that waits
        if pause is None or self._clock() + pause >= deadline:
            raise api_error(outcome, call=self._call(path), integration_id=integration_id)
        log.info("%s: %s; again in %.1f s", self._call(path), outcome.http_status or "no answer", pause)
        return pause

    def _wait_for_turn(self) -> float:
        """Wait until the next request may leave; return for how many seconds."""
        if self._pacing is None:
            return 0.0
        before = self._clock()
        self._pacing.wait()
        return self._clock() - before

    def heed(self, answer: Answer, outcome: Outcome | None = None) -> None:
        """Tell the pacing what an answer, and the failure that it is, say of the rate limit."""
        if self._pacing is None:
            return
        refused_for = None
        if outcome is not None and _is_rate_limit(outcome):
            refused_for = outcome.pause_seconds or _RATE_LIMIT_PAUSE_SECONDS
        self._pacing.heed(rate_limits(answer.headers, refused_for_seconds=refused_for))

    def _ask(self, target: str, headers: Mapping[str, str], deadline: float) -> Answer:
        """Ask once; if a kept connection turns out to be dead, once more on a fresh one."""
        wire = self._kept(deadline)
        if wire is not None:
            # The server may close it between our look and our request.
            with contextlib.suppress(*NETWORK_ERRORS):
                return self._exchange(wire, target, headers)
        return self._exchange(self._transport.open(deadline), target, headers)

    def _exchange(self, wire: Wire, target: str, headers: Mapping[str, str]) -> Answer:
        keep = False  # also when the exchange raises: what was not read would be taken for the next answer
        try:
            answer = wire.exchange("GET", target, headers)
            keep = answer.reusable and len(self._idle) < self._max_idle
        finally:
            if not keep:
                wire.close()
        if answer.too_large:
            raise AnswerTooLargeError(
                f"GET {target.partition('?')[0]} on {self._transport.host} answered with more than is read at once. "
                "Ask for smaller pages.",
                http_status=answer.http_status,
                integration_id=headers.get("X-Integration-Id"),
            )
        if not answer.complete:
            raise http.client.IncompleteRead(b"")
        if keep:
            self._idle.append(wire)
        return answer

    def _kept(self, deadline: float) -> Wire | None:
        """Return a connection that is still open; a readable one was closed by the server."""
        while True:
            try:
                wire = self._idle.pop()
            except IndexError:
                return None
            if not wait_for_read(wire, timeout=0.0):  # type: ignore[arg-type]  # it only needs fileno()
                wire.renew(deadline)
                return wire
            wire.close()

    def _results(self, data: Any, path: str) -> tuple[list[dict[str, Any]], int]:
        """Return the records, and how many items are none: a null beside them must not hide the others."""
        if not isinstance(data, dict):
            raise self._unreadable(path, 200)
        items = data.get("results")
        if not isinstance(items, list):
            raise self._unreadable(path, 200)
        results = [item for item in items if isinstance(item, dict)]
        if not results and any(item is not None for item in items):
            raise self._unreadable(path, 200)  # nothing but texts or numbers: another API's
        return results, len(items) - len(results)

    def _unreadable(self, path: str, http_status: int | None) -> ApiError:
        return ApiError(
            f"{self._call(path)} answered with something that is not Kombo's. "
            "Check the base URL in the connection's host.",
            http_status=http_status,
        )

    def _no_json(self, path: str, integration_id: str | None) -> UnreadableAnswerError:
        return UnreadableAnswerError(
            f"{self._call(path)} answered with a success of Kombo's that is no JSON, so that a record of it cannot be "
            "read. Report it to Kombo.",
            http_status=200,
            integration_id=integration_id,
        )

    def _call(self, path: str) -> str:
        return f"GET {path} on {self._transport.host}"


def _close_all(idle: deque[Wire]) -> None:
    while idle:
        idle.pop().close()
