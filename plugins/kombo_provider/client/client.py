"""The client: creates that never go out twice, and reads."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

from kombo_provider import __version__
from kombo_provider.client.advice import api_error
from kombo_provider.client.created import Endpoint
from kombo_provider.client.limits import Pacing
from kombo_provider.client.outcome import (
    NotSentError,
    Outcome,
    OutcomeClass,
    classify_answer,
    classify_exception,
)
from kombo_provider.client.query import query_pairs
from kombo_provider.client.reads import Page, Reader
from kombo_provider.client.settings import base_url as checked_base_url
from kombo_provider.client.settings import is_header_value
from kombo_provider.client.transport import NETWORK_ERRORS, Transport
from kombo_provider.errors import ApiError, ConfigurationError

Model = Literal["applications", "candidates", "jobs"]
"""Kinds of records that Kombo lists page by page."""


class KomboClient:
    """Calls Kombo's API with one API key; safe to use from many threads.

    `timeout_seconds` bounds a whole call, from looking up the host's name to the last byte of the answer.
    `max_connections` is how many connections are kept open between reads; creates keep none, since a
    request on an idle connection can be lost without a trace. `repeats_reads` is False where a read that fails is not
    worth a wait. Raises `ConfigurationError` for a base URL, a
    key or a CA bundle that cannot work.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        timeout_seconds: float = 300.0,
        max_connections: int = 30,
        user_agent: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        pacing: Pacing | None = None,
        repeats_reads: bool = True,
    ) -> None:
        if not is_header_value(api_key):
            raise ConfigurationError("The API key is empty or holds characters that no key has.")
        self._base_url = checked_base_url(base_url)
        self._timeout_seconds = timeout_seconds
        self._clock, self._pacing = clock, pacing
        self._transport = Transport(self._base_url, clock=clock)
        headers = {
            "Authorization": f"Bearer {api_key}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": user_agent or _user_agent(),
        }
        self._create_headers = {
            **self._transport.headers,
            **headers,
            "Content-Type": "application/json",
            "Connection": "close",
        }
        self._reader = Reader(
            self._transport,
            headers,
            timeout_seconds=timeout_seconds,
            max_idle=max_connections,
            clock=clock,
            sleep=sleep,
            pacing=pacing,
            repeats=repeats_reads,
        )

    def __repr__(self) -> str:
        return f"KomboClient(base_url={self._base_url!r}, api_key=***)"

    def create(
        self,
        endpoint: Endpoint,
        integration_id: str,
        job_id: str,
        body: bytes,
        *,
        may_begin: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Send one create, at most once, and return what is known about it; the network never raises.

        `endpoint` "application" is `POST /ats/jobs/{job_id}/applications`, "candidate" is
        `POST /ats/candidates`, whose body names the job itself. `may_begin` is asked when the connection
        stands and nothing was sent: False takes the request back. What it raises is raised, and then nothing was
        sent.
        """
        problem = _unsendable(endpoint, integration_id, job_id)
        if problem is not None:
            return Outcome(OutcomeClass.REJECTED, error_title="not sent", error_message=problem)
        path = "/ats/candidates" if endpoint == "candidate" else f"/ats/jobs/{_segment(job_id)}/applications"
        return self._post(path, integration_id, body, endpoint, job_id, may_begin)

    def import_tracked_application(self, integration_id: str, body: bytes) -> None:
        """Put an application that the ATS has on Kombo's tracking list; raises `ApiError` or one of its kinds."""
        if self._pacing is not None:
            self._pacing.wait()
        path = "/ats/import-tracked-application"
        outcome = self._post(path, _checked(integration_id), body, "application", "", None, is_paced=True)
        if outcome.outcome_class is not OutcomeClass.EXECUTED:
            call = f"POST {path} on {self._transport.host}"
            raise api_error(outcome, call=call, integration_id=integration_id)

    def _post(
        self,
        path: str,
        integration_id: str,
        body: bytes,
        endpoint: Endpoint,
        job_id: str,
        may_begin: Callable[[], bool] | None,
        *,
        is_paced: bool = False,
    ) -> Outcome:
        started = self._clock()
        headers = {**self._create_headers, "X-Integration-Id": integration_id}
        deadline = started + self._timeout_seconds
        try:
            wire = self._transport.open(deadline)
        except NETWORK_ERRORS as exc:
            return self._failed(exc, started, sending_began=False)
        # A connection of its own for each create: a request on one that was idle can be lost without a trace.
        with closing(wire):
            if self._clock() >= deadline:
                return self._failed(TimeoutError(), started, sending_began=False)
            # Last of all: whoever asks counts on it that from here on bytes may have left.
            if may_begin is not None and not may_begin():
                return self._failed(NotSentError(), started, sending_began=False)
            try:
                answer = wire.exchange("POST", self._transport.target(path), headers, body)
            except NETWORK_ERRORS as exc:
                return self._failed(exc, started, sending_began=True)
        outcome = classify_answer(
            answer.http_status, answer.headers, answer.body, endpoint, job_id, complete=answer.complete
        )
        if is_paced:
            self._reader.heed(answer, outcome)
        return replace(outcome, duration_seconds=self._clock() - started)

    def check_api_key(self) -> str:
        """Return the id of the API key's environment; raises `AccountError` if the key is refused."""
        data = self._reader.get("/check-api-key")
        environment_id = data.get("environment_id") if isinstance(data, dict) else None
        if not isinstance(environment_id, str) or not environment_id:
            raise ApiError(
                f"GET /check-api-key on {self._transport.host} named no environment. "
                "Check the base URL in the connection's host."
            )
        return environment_id

    def integration(self, integration_id: str) -> dict[str, Any]:
        """Return one integration: `status`, `setup_status`, `tool`, `write_actions` and more."""
        checked = _checked(integration_id)
        return _object(self._reader.get(f"/integrations/{quote(checked, safe=':')}", integration_id=checked))

    def attachment_restrictions(self, integration_id: str) -> dict[str, Any]:
        """Return what the ATS takes as attachments (`total_size_bytes`, `types`), {} if unknown."""
        path = "/ats/actions/ats_create_application"
        data = self._reader.get(path, integration_id=_checked(integration_id))
        return _object(_object(data).get("attachment_restrictions"))

    def applications(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield applications from Kombo's own database, as the filters of `GET /ats/applications` say."""
        return _records(self.pages("applications", integration_id, **filters))

    def candidates(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield candidates from Kombo's own database, as the filters of `GET /ats/candidates` say."""
        return _records(self.pages("candidates", integration_id, **filters))

    def jobs(self, integration_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield jobs from Kombo's own database, as the filters of `GET /ats/jobs` say."""
        return _records(self.pages("jobs", integration_id, **filters))

    def pages(self, model: Model, integration_id: str, **filters: Any) -> Iterator[Page]:
        """Yield what `GET /ats/<model>` returns for the filters, page by page."""
        pairs = query_pairs(filters)
        return iter(()) if pairs is None else self._reader.pages(f"/ats/{model}", pairs, _checked(integration_id))

    def close(self) -> None:
        """Close the connections that are kept open for reads."""
        self._reader.close()

    def _failed(self, exc: Exception, started: float, *, sending_began: bool) -> Outcome:
        outcome = classify_exception(exc, sending_began=sending_began, timeout_seconds=self._timeout_seconds)
        return replace(outcome, duration_seconds=self._clock() - started)


def _records(pages: Iterator[Page]) -> Iterator[dict[str, Any]]:
    return (record for page in pages for record in page.results)


def _user_agent() -> str:
    return f"airflow-provider-kombo/{__version__} python/{platform.python_version()}"


def _unsendable(endpoint: Endpoint, integration_id: str, job_id: str) -> str | None:
    """Return why a request cannot be made of these, None if it can."""
    if not is_header_value(integration_id):
        return "the integration id is empty or holds characters that no header can carry"
    if endpoint == "candidate":
        return None
    if job_id in ("", ".", ".."):
        return "the job id is empty, or would change the request's path"
    return None if job_id.isascii() or _is_utf8(job_id) else "the job id is not valid text"


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _segment(job_id: str) -> str:
    return quote(job_id, safe="")


def _checked(integration_id: str) -> str:
    if not is_header_value(integration_id):
        raise ConfigurationError(
            "The integration id is empty or holds characters that no header can carry: use the id that Kombo "
            "shows, such as workday:HWUTwvyx2wLoSUHphiWVrp28."
        )
    return integration_id


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
