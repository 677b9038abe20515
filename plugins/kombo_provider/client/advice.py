"""What a person can do about an outcome, in one sentence per code."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from kombo_provider.client.codes import REDIRECTS, OutcomeClass
from kombo_provider.client.outcome import Outcome
from kombo_provider.errors import AccountError, ApiError, IntegrationError

_KEY: Final = "Put a valid API key of this region into the connection's password (Kombo's dashboard, page Secrets)."
_RECONNECT: Final = "The customer has to connect the integration again: its credentials for the ATS fail."

# Kombo docs: guides/errors
_ADVICE: Final = MappingProxyType(
    {
        "PLATFORM.RATE_LIMIT_EXCEEDED": "Too many requests for this API key: run again later.",
        "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED": "Too many requests at once: lower the extra 'max_in_flight'.",
        "PLATFORM.INTEGRATION_NOT_FOUND": (
            "Check the integration id, and that the API key belongs to the same environment and region."
        ),
        "PLATFORM.AUTHENTICATION_INVALID": _KEY,
        "PLATFORM.IP_NOT_WHITELISTED": "Add this worker's address to the allow-list in Kombo's dashboard.",
        "INTEGRATION.PERMISSION_MISSING": "The connected account lacks a right in the ATS: grant it there.",
        "INTEGRATION.AUTHENTICATION_INVALID": _RECONNECT,
        "INTEGRATION.INACTIVE": "Switch the integration on in Kombo's dashboard.",
        "INTEGRATION.SETUP_INCOMPLETE": "Finish the integration's setup in Kombo's dashboard.",
        "INTEGRATION.SETUP_SYNC_PENDING": "Kombo's first sync still runs, for up to hours: run again later.",
        "INTEGRATION.QA_FAILED": "Kombo's quality check failed: ask Kombo's support.",
        "INTEGRATION.ACTION_NOT_AVAILABLE": "Kombo cannot do this for this ATS: ask Kombo's support.",
        "INTEGRATION.ACTION_DISABLED": "Enable the action in the integration's scope config in Kombo.",
        "INTEGRATION.MODEL_NOT_AVAILABLE": "Kombo cannot read this for this ATS.",
        "INTEGRATION.MODEL_DISABLED": "Enable the model in the integration's scope config in Kombo.",
    }
)


def advice(outcome: Outcome) -> str:
    """Return what to do about an outcome that is no success; nothing of Kombo's message is in it."""
    known = _ADVICE.get(outcome.error_code or "")
    if known is not None:
        return known
    if outcome.http_status is None:
        return "Check that the connection's host is right and can be reached from this worker, then run again."
    # Statuses from here on come without a code that is known: of a gateway, say, or of a code that is new.
    if outcome.http_status == 401:
        return _KEY
    if outcome.http_status in REDIRECTS or outcome.http_status == 404:
        return "Check the base URL in the connection's host: Kombo's end in /v1."
    if outcome.http_status >= 500 or outcome.http_status == 429:
        return "Run again later; if it stays, ask Kombo's support."
    return "Look the request up in Kombo's logs."


def api_error(outcome: Outcome, *, call: str, integration_id: str | None = None) -> ApiError:
    """Return the error for a read that failed; `call` is its method, host and path without the query."""
    where = ""
    if integration_id:
        where = f" for integration {integration_id}"
    message = f"{call}{where} failed: {_what_failed(outcome)}. {advice(outcome)}"
    if outcome.log_url:
        message += f" Kombo's log: {outcome.log_url}"
    return _error_class(outcome)(
        message,
        code=outcome.error_code,
        http_status=outcome.http_status,
        log_url=outcome.log_url,
        integration_id=integration_id,
    )


def _error_class(outcome: Outcome) -> type[ApiError]:
    if outcome.outcome_class is not OutcomeClass.INTEGRATION:
        return ApiError
    if outcome.account_wide:
        return AccountError
    return IntegrationError


def _what_failed(outcome: Outcome) -> str:
    if outcome.http_status is None:
        # Here the message is ours (see classify_exception); that of an answer may repeat applicant data.
        return f"{outcome.error_message} ({outcome.error_title})"
    if outcome.error_code is None:
        return f"HTTP {outcome.http_status}"
    return f"HTTP {outcome.http_status}, {outcome.error_code}"
