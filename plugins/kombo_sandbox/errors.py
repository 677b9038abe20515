"""The error codes of Kombo, with the HTTP status and title that the sandbox answers.

    ApiError            a request was refused: answered in Kombo's envelope
    StateFileError      the state file cannot be used: the server does not start

Kombo documents few of the statuses; where it does not, the number below is a plausible one, and a client
must not depend on it (branch on the code).
"""

from __future__ import annotations

STATUS_AND_TITLE: dict[str, tuple[int, str]] = {
    "PLATFORM.RATE_LIMIT_EXCEEDED": (429, "Rate limit exceeded"),
    "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED": (429, "Concurrency limit exceeded"),
    "PLATFORM.INPUT_INVALID": (400, "Input invalid"),
    "PLATFORM.INTEGRATION_NOT_FOUND": (404, "Integration not found"),
    "PLATFORM.AUTHENTICATION_INVALID": (401, "Authentication invalid"),
    "PLATFORM.IP_NOT_WHITELISTED": (403, "IP address not whitelisted"),
    "PLATFORM.TASK_TIMED_OUT": (504, "Task timed out"),
    "PLATFORM.UNKNOWN_ERROR": (500, "Unknown error"),
    "INTEGRATION.PERMISSION_MISSING": (403, "Permission missing"),
    "INTEGRATION.AUTHENTICATION_INVALID": (403, "Integration authentication invalid"),
    "INTEGRATION.INACTIVE": (403, "Integration inactive"),
    "INTEGRATION.SETUP_INCOMPLETE": (409, "Integration setup incomplete"),
    "INTEGRATION.SETUP_SYNC_PENDING": (409, "First sync pending"),
    "INTEGRATION.QA_FAILED": (409, "Quality check failed"),
    "INTEGRATION.ACTION_NOT_AVAILABLE": (400, "Action not available"),
    "INTEGRATION.ACTION_DISABLED": (403, "Action disabled"),
    "INTEGRATION.MODEL_NOT_AVAILABLE": (400, "Model not available"),
    "INTEGRATION.MODEL_DISABLED": (403, "Model disabled"),
    "REMOTE.RATE_LIMIT_EXCEEDED": (429, "ATS rate limit exceeded"),
    "REMOTE.SERVICE_UNAVAILABLE": (503, "ATS unavailable"),
    "REMOTE.INPUT_INVALID": (400, "ATS refused the input"),
    "REMOTE.UNKNOWN_HTTP_ERROR": (500, "Unknown ATS error"),
    "ATS.JOB_CLOSED": (400, "Job closed"),
    "ATS.APPLICATION_ALREADY_EXISTS": (409, "Application already exists"),
}

SAFE_TO_RETRY = frozenset(
    {
        "PLATFORM.RATE_LIMIT_EXCEEDED",
        "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED",
        "REMOTE.RATE_LIMIT_EXCEEDED",
        "REMOTE.SERVICE_UNAVAILABLE",
    }
)
"""Codes that Kombo declares safe to retry: never answered for a create that was executed."""


class ApiError(Exception):
    """A refusal in Kombo's words; `code=None` is an error that Kombo could not classify."""

    def __init__(
        self,
        code: str | None,
        message: str,
        *,
        status: int | None = None,
        title: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        known_status, known_title = STATUS_AND_TITLE.get(code or "", (500, None))
        self.code = code
        self.message = message
        self.status = known_status if status is None else status
        self.title = known_title if title is None else title
        self.headers = headers


def input_invalid(field: str, problem: str) -> ApiError:
    """The refusal of one field of a request, naming it."""
    return ApiError("PLATFORM.INPUT_INVALID", f"{field}: {problem}")


class StateFileError(Exception):
    """The state file is in use by another sandbox, or is not one of the sandbox's files."""
