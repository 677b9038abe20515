"""What each error code of Kombo means for the next step.

The codes are Kombo's (Kombo docs: guides/errors, ats/guides/concurrency-limiting, ats/important-changes);
the classes are ours, and where two pages of Kombo's differ the stricter one holds.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class OutcomeClass(StrEnum):
    """What may be done after a call, named by what is known about its effect."""

    EXECUTED = "executed"  # Kombo did it: never send it again
    SAFE = "S"  # surely not executed: may be sent again
    RETRYABLE_CODE = "V"  # Kombo declares it retryable, though earlier steps may have run in the ATS
    AMBIGUOUS = "A"  # may have been executed: look it up before anything else
    REJECTED = "R"  # refused for good: the row has to change
    INTEGRATION = "I"  # refused until someone acts on the integration or the account
    WAY_OR_ROW = "way or row"  # something on the way refused it: every row, or only this one
    NOT_BEGUN = "not begun"  # given back before its first byte: nothing was sent, and nobody was asked


_S, _V, _A = OutcomeClass.SAFE, OutcomeClass.RETRYABLE_CODE, OutcomeClass.AMBIGUOUS
_R, _I = OutcomeClass.REJECTED, OutcomeClass.INTEGRATION

CLASS_OF_CODE: Final = MappingProxyType(
    {
        "PLATFORM.RATE_LIMIT_EXCEEDED": _S,
        "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED": _S,
        "PLATFORM.INPUT_INVALID": _R,
        "PLATFORM.INTEGRATION_NOT_FOUND": _I,
        "PLATFORM.AUTHENTICATION_INVALID": _I,
        "PLATFORM.IP_NOT_WHITELISTED": _I,
        "PLATFORM.TASK_TIMED_OUT": _A,
        "PLATFORM.UNKNOWN_ERROR": _A,
        "INTEGRATION.PERMISSION_MISSING": _I,
        "INTEGRATION.AUTHENTICATION_INVALID": _I,
        "INTEGRATION.INACTIVE": _I,
        "INTEGRATION.SETUP_INCOMPLETE": _I,
        "INTEGRATION.SETUP_SYNC_PENDING": _I,
        "INTEGRATION.QA_FAILED": _I,
        "INTEGRATION.ACTION_NOT_AVAILABLE": _I,
        "INTEGRATION.ACTION_DISABLED": _I,
        "INTEGRATION.MODEL_NOT_AVAILABLE": _I,
        "INTEGRATION.MODEL_DISABLED": _I,
        "REMOTE.RATE_LIMIT_EXCEEDED": _V,
        "REMOTE.SERVICE_UNAVAILABLE": _V,
        "REMOTE.INPUT_INVALID": _R,
        "REMOTE.UNKNOWN_HTTP_ERROR": _A,
        "ATS.JOB_CLOSED": _R,
        "ATS.APPLICATION_ALREADY_EXISTS": _R,
    }
)

# These concern the API key, not one integration.
ACCOUNT_CODES: Final = frozenset(
    {
        "PLATFORM.AUTHENTICATION_INVALID",
        "PLATFORM.IP_NOT_WHITELISTED",
        "PLATFORM.RATE_LIMIT_EXCEEDED",
    }
)

# A POST that meets one of these went to the wrong base URL: every row would meet it.
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_CLASS_OF_STATUS: Final = MappingProxyType({401: _I, 408: _A, 429: _S} | dict.fromkeys(REDIRECTS, _I))


def class_of_status(http_status: int) -> OutcomeClass:
    """Return the class of a status that came without a code we know.

    2xx is ambiguous here: a success is told by its body, before this function is asked.
    A 503 of a load balancer is ambiguous too: nothing promises that the request was not executed.
    """
    known = _CLASS_OF_STATUS.get(http_status)
    if known is not None:
        return known
    if 400 <= http_status < 500:
        return _R
    return _A


def class_of_page(http_status: int) -> OutcomeClass:
    """Return the class of a status that came without Kombo's envelope: from something that stands on the way.

    Such a 4xx may concern every row or only this one (API reference, section 11). A 413 names the row's size.
    """
    if http_status in _CLASS_OF_STATUS:
        return _CLASS_OF_STATUS[http_status]
    if http_status == 413:
        return _R
    if 400 <= http_status < 500:
        return OutcomeClass.WAY_OR_ROW
    return _A


def is_account_wide(code: str | None, http_status: int) -> bool:
    """Return whether an error hits every integration of the API key."""
    if code in CLASS_OF_CODE:
        return code in ACCOUNT_CODES
    return http_status in (401, 429) or http_status in REDIRECTS
