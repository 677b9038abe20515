"""What a create did: one answer, or one failure without an answer, turned into an `Outcome`."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from urllib3 import exceptions as urllib3_errors

from kombo_provider.client.codes import (
    CLASS_OF_CODE,
    REDIRECTS,
    OutcomeClass,
    class_of_page,
    class_of_status,
    is_account_wide,
)
from kombo_provider.client.created import CreatedIds, Endpoint, created_ids
from kombo_provider.client.envelope import Envelope, beginning_of_success, parse_envelope
from kombo_provider.client.limits import pause_seconds, seconds, whole_number

__all__ = [
    "CreatedIds",
    "Endpoint",
    "NotSentError",
    "Outcome",
    "OutcomeClass",
    "classify_answer",
    "classify_exception",
]

_NO_IDS: Final = CreatedIds()
# Neither is sent again, so that a `Retry-After` on it concerns no request of ours.
_NOTHING_TO_WAIT_FOR: Final = frozenset({OutcomeClass.EXECUTED, OutcomeClass.REJECTED})


class NotSentError(Exception):
    """The caller took the request back before its first byte left. Never leaves `create`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known after a call.

    `error_message` and `warnings` are Kombo's words and may repeat applicant data: they belong into the
    ledger, and into no log or exception. `account_wide` is true for a class I of the whole account and for
    a 429 of the rate limit. `pause_seconds` is how long the answer asks to wait, None where it does not.
    """

    outcome_class: OutcomeClass
    http_status: int | None = None
    error_code: str | None = None
    error_title: str | None = None
    error_message: str | None = None
    log_url: str | None = None
    account_wide: bool = False
    ids: CreatedIds = _NO_IDS
    warnings: tuple[str, ...] = ()
    concurrency_limit: int | None = None
    concurrency_remaining: int | None = None
    ratelimit_remaining: int | None = None
    pause_seconds: float | None = None
    ratelimit_reset_seconds: float | None = None
    duration_seconds: float = 0.0

    @property
    def label(self) -> str | None:
        """What the outcome is called outside of the ledger: a code, a status or our own words, never Kombo's."""
        if self.error_code is not None:
            return self.error_code
        if self.http_status is not None:
            return f"HTTP {self.http_status}"
        # Without an answer the title is ours; with one it may be Kombo's, which repeats what was sent.
        return self.error_title


def classify_answer(
    http_status: int,
    headers: Mapping[str, str],
    body: bytes,
    endpoint: Endpoint,
    job_id: str,
    *,
    complete: bool = True,
    now: datetime | None = None,
) -> Outcome:
    """Return what an answer means; no body, header or status makes this raise.

    Only a 2xx whose body is, or begins as, Kombo's success envelope proves a create. An answer that is not `complete`
    proves nothing else, whatever its status (API reference, section 11). `now` is for `Retry-After` dates in an answer
    without a `Date`.
    """
    envelope = _read(body, complete=complete)
    if envelope is None:
        return Outcome(OutcomeClass.AMBIGUOUS, http_status, error_title=f"HTTP {http_status}, cut off")
    outcome_class = _class_of(http_status, envelope)
    if outcome_class is OutcomeClass.EXECUTED:
        title, account_wide = None, False
        ids = created_ids(envelope.data, endpoint, job_id)
    else:
        title = envelope.title or _own_title(http_status, envelope)
        account_wide = is_account_wide(envelope.code, http_status)
        ids = _NO_IDS

    lower = {name.lower(): str(value) for name, value in headers.items()}
    pause = None
    if outcome_class not in _NOTHING_TO_WAIT_FOR:
        # Kombo's two 429 are told apart by their code (API reference, section 10): only that of the rate limit, which
        # is the account's, says with `ratelimit-reset` when it ends.
        is_rate_limit = outcome_class is OutcomeClass.SAFE and account_wide
        pause = pause_seconds(lower, is_rate_limit=is_rate_limit, now=now)
    return Outcome(
        outcome_class,
        http_status=http_status,
        error_code=envelope.code,
        error_title=title,
        error_message=envelope.message,
        log_url=envelope.log_url,
        account_wide=account_wide,
        ids=ids,
        warnings=envelope.warnings,
        concurrency_limit=whole_number(lower, "concurrency-limit", at_least=1),
        concurrency_remaining=whole_number(lower, "concurrency-remaining"),
        ratelimit_remaining=whole_number(lower, "ratelimit-remaining"),
        pause_seconds=pause,
        ratelimit_reset_seconds=seconds(lower, "ratelimit-reset"),
    )


def _read(body: bytes, *, complete: bool) -> Envelope | None:
    """Return what the body says, None where its end is missing and its beginning proves nothing."""
    if not complete:
        return beginning_of_success(body)
    envelope = parse_envelope(body)
    # A server that sends no length closes the connection at the end, which looks the same as being cut off.
    if envelope.is_broken:
        return None
    return envelope


def _class_of(http_status: int, envelope: Envelope) -> OutcomeClass:
    if envelope.is_error:
        # Statuses may change, codes do not (API reference, section 11): a code that is known decides alone.
        known = CLASS_OF_CODE.get(envelope.code or "")
        if known is not None:
            return known
        return class_of_status(http_status)
    if envelope.status != "success":
        return class_of_page(http_status)
    if 200 <= http_status < 300:
        return OutcomeClass.EXECUTED
    return OutcomeClass.AMBIGUOUS  # body and status contradict each other


def _own_title(http_status: int, envelope: Envelope) -> str:
    if http_status in REDIRECTS:
        return f"HTTP {http_status}: the server redirects, so the connection's base URL is wrong"
    if envelope.is_error:
        return f"HTTP {http_status}"
    return f"HTTP {http_status} without an error of Kombo's"


_WRONG_SCHEME_TLS: Final = "the connection's host says https://, and the server there speaks plain HTTP"
_WRONG_SCHEME_PLAIN: Final = "the connection's host says http://, and the server there speaks TLS: write https://"
# What OpenSSL calls an answer that is no TLS, in its several releases.
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"})
# A server of TLS answers plain HTTP with an alert: record type 21, major version 3.
_TLS_ALERT: Final = "\x15\x03"

_PROXY_REFUSES: Final = "Tunnel connection failed: 407"
_PROXY_CREDENTIALS: Final = (
    "the proxy asks for a user and password (407): put them into HTTPS_PROXY, as http://user:password@host:port"
)
_NOT_TRUSTED: Final = (
    "the server's certificate is not trusted here: a CA of your own belongs into REQUESTS_CA_BUNDLE or "
    "CURL_CA_BUNDLE (SSL_CERT_FILE is not read)"
)


def _speaks_the_other_scheme(exc: BaseException) -> bool:
    """Return whether http met TLS or the reverse; such a server has executed nothing."""
    if isinstance(exc, http.client.BadStatusLine):
        return str(getattr(exc, "line", "")).startswith(_TLS_ALERT)
    return isinstance(exc, ssl.SSLError) and getattr(exc, "reason", None) in _NO_TLS


# First match wins, and many are subclasses of one further below: an untrusted certificate is an OSError as well.
# {timeout} is the time the call had.
_KINDS: Final[tuple[tuple[tuple[type[BaseException], ...], str, str], ...]] = (
    ((urllib3_errors.NameResolutionError,), "name resolution", "the host's name could not be resolved"),
    ((urllib3_errors.NewConnectionError,), "no connection", "the connection could not be opened"),
    ((urllib3_errors.ConnectTimeoutError,), "timeout", "no connection in time"),
    ((ssl.SSLCertVerificationError,), "TLS", _NOT_TRUSTED),
    ((ssl.SSLError, urllib3_errors.SSLError, ssl.CertificateError), "TLS", "the TLS connection failed"),
    ((urllib3_errors.ProxyError,), "proxy", "the proxy could not be used"),
    ((TimeoutError, urllib3_errors.TimeoutError), "timeout", "no answer within {timeout}"),
    ((ConnectionError,), "connection lost", "the connection was closed or reset"),
    ((http.client.HTTPException,), "unreadable answer", "what came back was not HTTP, or was cut off"),
    ((OSError, urllib3_errors.HTTPError), "network", "the network failed"),
)


def classify_exception(exc: BaseException, *, sending_began: bool, timeout_seconds: float | None = None) -> Outcome:
    """Return what a failure without an answer means: safe to repeat only if no byte can have left.

    The text is our own: that of an exception can hold a URL with an e-mail address in it.
    """
    if isinstance(exc, NotSentError):
        return Outcome(OutcomeClass.NOT_BEGUN)
    if _speaks_the_other_scheme(exc):
        return _wrong_scheme(exc)
    # Once the first byte may have left, Kombo may be at work (API reference, section 11: "Non-API outcomes").
    outcome_class = OutcomeClass.SAFE
    if sending_began:
        outcome_class = OutcomeClass.AMBIGUOUS
    if _is_refused_by_proxy(exc):
        return Outcome(outcome_class, error_title="proxy", error_message=_PROXY_CREDENTIALS)
    limit = "its time"
    if timeout_seconds is not None:
        limit = f"{timeout_seconds:g} s"
    for types, title, message in _KINDS:
        if isinstance(exc, types):
            return Outcome(outcome_class, error_title=title, error_message=message.format(timeout=limit))
    return Outcome(outcome_class, error_title=type(exc).__name__, error_message="the call failed")


def _wrong_scheme(exc: BaseException) -> Outcome:
    # Of the whole account: every row of the connection goes to the same host.
    message = _WRONG_SCHEME_PLAIN
    if isinstance(exc, ssl.SSLError):
        message = _WRONG_SCHEME_TLS
    return Outcome(OutcomeClass.INTEGRATION, error_title="wrong scheme", error_message=message, account_wide=True)


def _is_refused_by_proxy(exc: BaseException) -> bool:
    """Tell whether a proxy asks for a password: http.client says so in the text of an OSError, and nowhere else."""
    cause: BaseException = exc
    if isinstance(exc, urllib3_errors.ProxyError):
        cause = exc.original_error
    return isinstance(cause, OSError) and str(cause).startswith(_PROXY_REFUSES)
