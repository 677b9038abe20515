"""What a fault does to a request, before or after its execution."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kombo_sandbox.errors import ApiError
from kombo_sandbox.exchange import Reply, html_page, json_reply
from kombo_sandbox.limits import concurrency_exceeded, rate_exceeded

if TYPE_CHECKING:
    from kombo_sandbox.exchange import Request
    from kombo_sandbox.faults import Rule

LONGEST_HOLD_SECONDS = 600
OVERSIZED_BYTES = 33 * 1024 * 1024

_NULL_IN_APPLICATION = (
    "remote_id", "candidate_id", "candidate", "job_id", "job", "current_stage_id", "current_stage", "outcome",
    "rejection_reason_name", "rejected_at", "custom_fields", "remote_url", "remote_created_at",
    "remote_updated_at", "remote_deleted_at", "screening_question_answers",
)  # fmt: skip
_NULL_IN_CANDIDATE = (
    "first_name", "last_name", "company", "title", "confidential", "source", "custom_fields", "remote_url",
    "remote_created_at", "remote_updated_at", "remote_deleted_at", "phone_numbers", "email_addresses",
    "social_media", "location",
)  # fmt: skip
_NULL_IN_NESTED_APPLICATION = (
    "remote_id", "outcome", "rejection_reason_name", "rejected_at", "remote_url", "remote_created_at",
    "remote_updated_at", "current_stage", "job",
)  # fmt: skip


def refuse(rule: Rule, request: Request, limit: int | None) -> Reply:
    """The answer of a fault that keeps the request from being executed; may be raised as ApiError."""
    given = rule.parameters
    if rule.kind == "reset":
        return Reply(0, then="reset")
    if rule.kind == "html":
        return html_page(given.get("status", 503))
    if rule.kind == "answer":
        content_type = str(given.get("content_type", "application/json"))
        return Reply(given.get("status", 200), str(given.get("body", "")).encode(), content_type=content_type)
    if rule.kind == "redirect":
        location = given.get("location", f"http://{request.headers.get('host', '')}{request.target}")
        return Reply(given.get("status", 307), headers=(("Location", location),))
    if rule.kind == "rate_limit_429":
        error = rate_exceeded(given.get("limit", 300), given.get("reset_seconds", 1))
        if "retry_after" in given:
            error.headers += (("Retry-After", str(given["retry_after"])),)
        raise error
    if rule.kind == "concurrency_429":
        cap = given.get("limit", limit)
        error = concurrency_exceeded(cap)
        error.headers = (("Concurrency-Limit", str(cap)), ("Concurrency-Remaining", "0"))
        raise error
    message = given.get("message", "The sandbox was told to answer this error.")
    raise ApiError(given["code"], message, status=given.get("status"), title=given.get("title"))


async def distort(rule: Rule, request: Request, reply: Reply, payload: dict[str, Any] | None) -> Reply:
    """The answer after a fault; `payload` is the success answer, None where the request was refused."""
    given = rule.parameters
    if rule.kind == "late":
        await asyncio.sleep(given.get("seconds", 1))
        return reply
    if rule.kind == "write_no_answer":
        await _hold(request, given.get("seconds"))
        return Reply(0, then="close")
    if rule.kind == "write_reset":
        return Reply(0, then="reset")
    if payload is None:
        return reply
    if rule.kind == "status_after_write":
        return _failed_after_write(given)
    if rule.kind == "truncated":
        return _cut(_answer_with(given.get("status", 200), reply, payload), given.get("keep_bytes"))
    if rule.kind == "oversized":
        return _answer_with(given.get("status", 200), reply, payload, text="x" * given.get("bytes", OVERSIZED_BYTES))
    if rule.kind == "informational":
        reply.interim = tuple(given.get("statuses", (103,)))
        return reply
    if rule.kind == "unparsable":
        reply.body = str(given.get("body", "OK")).encode()
        return reply
    return json_reply({**payload, "data": without_ids(payload["data"])}, reply.status, reply.headers)


def without_ids(data: dict[str, Any]) -> dict[str, Any]:
    """The data of a create's answer with everything null that the API allows to be null."""
    if "applications" not in data:
        return {**data, **dict.fromkeys(_NULL_IN_APPLICATION)}
    nested = [{**part, **dict.fromkeys(_NULL_IN_NESTED_APPLICATION)} for part in data["applications"]]
    return {**data, **dict.fromkeys(_NULL_IN_CANDIDATE), "applications": nested}


def _answer_with(status: int, reply: Reply, payload: dict[str, Any], *, text: str = "") -> Reply:
    """The success as it is, or an error's envelope in its place; `text` makes either of them long."""
    if status >= 400:
        error = {"code": "PLATFORM.INPUT_INVALID", "title": "Invalid", "message": text or "Refused.", "log_url": None}
        return json_reply({"status": "error", "error": error}, status, reply.headers)
    warnings = [*payload["warnings"], {"message": text}] if text else payload["warnings"]
    return json_reply({**payload, "warnings": warnings}, status, reply.headers)


def _cut(reply: Reply, keep_bytes: int | None) -> Reply:
    kept = len(reply.body) // 2 if keep_bytes is None else keep_bytes
    reply.claimed_length, reply.body, reply.then = len(reply.body), reply.body[:kept], "close"
    return reply


def _failed_after_write(given: dict[str, Any]) -> Reply:
    status = given.get("status", 500)
    if given.get("envelope"):
        raise ApiError(given.get("code", "PLATFORM.UNKNOWN_ERROR"), "Something went wrong.", status=status)
    return html_page(status)


async def _hold(request: Request, seconds: float | None) -> None:
    if seconds is not None:
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(request.client_gone.wait(), LONGEST_HOLD_SECONDS)
