"""The kinds of faults: which parameters each takes, and what it does to a request, instead of executing it or after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kombo_sandbox.errors import ApiError
from kombo_sandbox.exchange import Reply, Request, html_page, json_reply
from kombo_sandbox.limits import concurrency_exceeded, rate_exceeded

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


Given = Mapping[str, Any]
"""The parameters of a rule."""


@dataclass(frozen=True, slots=True)
class Instead:
    """A fault that keeps the request from being executed: its answer, from (given, request, the lane's limit)."""

    answer: Callable[[Given, Request, int | None], Reply]
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Afterwards:
    """A fault that changes the answer of a request that was executed, from (given, request, reply, its payload).

    A refusal is left alone unless the fault strikes that `also_refused`; its payload is empty. `loses_answer` marks a
    fault after which the client cannot know that the create was executed.
    """

    answer: Callable[[Given, Request, Reply, dict[str, Any]], Awaitable[Reply]]
    parameters: tuple[str, ...] = ()
    also_refused: bool = False
    loses_answer: bool = False


async def distort(fault: Afterwards, given: Given, request: Request, reply: Reply, payload: dict[str, Any]) -> Reply:
    """The answer after a fault; `payload` is that of a success, empty where the request was refused."""
    if payload or fault.also_refused:
        return await fault.answer(given, request, reply, payload)
    return reply


def _reset(_given: Given, _request: Request, _limit: int | None) -> Reply:
    return Reply(0, then="reset")


def _html(given: Given, _request: Request, _limit: int | None) -> Reply:
    return html_page(given.get("status", 503))


def _answer(given: Given, _request: Request, _limit: int | None) -> Reply:
    content_type = str(given.get("content_type", "application/json"))
    return Reply(given.get("status", 200), str(given.get("body", "")).encode(), content_type=content_type)


def _redirect(given: Given, request: Request, _limit: int | None) -> Reply:
    location = given.get("location", f"http://{request.headers.get('host', '')}{request.target}")
    return Reply(given.get("status", 307), headers=(("Location", location),))


def _rate_limit_429(given: Given, _request: Request, _limit: int | None) -> Reply:
    error = rate_exceeded(given.get("limit", 300), given.get("reset_seconds", 1))
    if "retry_after" in given:
        error.headers += (("Retry-After", str(given["retry_after"])),)
    raise error


def _concurrency_429(given: Given, _request: Request, limit: int | None) -> Reply:
    cap = given.get("limit", limit)
    error = concurrency_exceeded(cap)
    error.headers = (("Concurrency-Limit", str(cap)), ("Concurrency-Remaining", "0"))
    raise error


def _error(given: Given, _request: Request, _limit: int | None) -> Reply:
    message = given.get("message", "The sandbox was told to answer this error.")
    raise ApiError(given["code"], message, status=given.get("status"), title=given.get("title"))


def _answer_with(status: int, reply: Reply, payload: dict[str, Any], *, text: str = "") -> Reply:
    """The success as it is, or an error's envelope in its place; `text` makes either of them long."""
    if status >= 400:
        error = {"code": "PLATFORM.INPUT_INVALID", "title": "Invalid", "message": text or "Refused.", "log_url": None}
        return json_reply({"status": "error", "error": error}, status, reply.headers)
    warnings = [*payload["warnings"], {"message": text}] if text else payload["warnings"]
    return json_reply({**payload, "warnings": warnings}, status, reply.headers)


def without_ids(data: dict[str, Any]) -> dict[str, Any]:
    """The data of a create's answer with everything null that the API allows to be null."""
    if "applications" not in data:
        return {**data, **dict.fromkeys(_NULL_IN_APPLICATION)}
    nested = [{**part, **dict.fromkeys(_NULL_IN_NESTED_APPLICATION)} for part in data["applications"]]
    return {**data, **dict.fromkeys(_NULL_IN_CANDIDATE), "applications": nested}


async def _late(given: Given, _request: Request, reply: Reply, _payload: dict[str, Any]) -> Reply:
    await asyncio.sleep(given.get("seconds", 1))
    return reply


async def _write_no_answer(given: Given, request: Request, _reply: Reply, _payload: dict[str, Any]) -> Reply:
    if "seconds" in given:
        await asyncio.sleep(given["seconds"])
    else:
        with suppress(TimeoutError):
            await asyncio.wait_for(request.client_gone.wait(), LONGEST_HOLD_SECONDS)
    return Reply(0, then="close")


async def _write_reset(_given: Given, _request: Request, _reply: Reply, _payload: dict[str, Any]) -> Reply:
    return Reply(0, then="reset")


async def _status_after_write(given: Given, _request: Request, _reply: Reply, _payload: dict[str, Any]) -> Reply:
    status = given.get("status", 500)
    if given.get("envelope"):
        raise ApiError(given.get("code", "PLATFORM.UNKNOWN_ERROR"), "Something went wrong.", status=status)
    return html_page(status)


async def _truncated(given: Given, _request: Request, reply: Reply, payload: dict[str, Any]) -> Reply:
    cut = _answer_with(given.get("status", 200), reply, payload)
    kept = given.get("keep_bytes", len(cut.body) // 2)
    cut.claimed_length, cut.body, cut.then = len(cut.body), cut.body[:kept], "close"
    return cut


async def _oversized(given: Given, _request: Request, reply: Reply, payload: dict[str, Any]) -> Reply:
    return _answer_with(given.get("status", 200), reply, payload, text="x" * given.get("bytes", OVERSIZED_BYTES))


async def _informational(given: Given, _request: Request, reply: Reply, _payload: dict[str, Any]) -> Reply:
    reply.interim = tuple(given.get("statuses", (103,)))
    return reply


async def _unparsable(given: Given, _request: Request, reply: Reply, _payload: dict[str, Any]) -> Reply:
    reply.body = str(given.get("body", "OK")).encode()
    return reply


async def _null_ids(_given: Given, _request: Request, reply: Reply, payload: dict[str, Any]) -> Reply:
    return json_reply({**payload, "data": without_ids(payload["data"])}, reply.status, reply.headers)


FAULTS: dict[str, Instead | Afterwards] = {
    "late": Afterwards(_late, ("seconds",), also_refused=True),
    "write_no_answer": Afterwards(_write_no_answer, ("seconds",), also_refused=True, loses_answer=True),
    "write_reset": Afterwards(_write_reset, also_refused=True, loses_answer=True),
    "reset": Instead(_reset),
    "status_after_write": Afterwards(_status_after_write, ("status", "envelope", "code"), loses_answer=True),
    "truncated": Afterwards(_truncated, ("keep_bytes", "status")),
    "oversized": Afterwards(_oversized, ("bytes", "status")),
    "informational": Afterwards(_informational, ("statuses",)),
    "unparsable": Afterwards(_unparsable, ("body",)),
    "null_ids": Afterwards(_null_ids),
    "rate_limit_429": Instead(_rate_limit_429, ("reset_seconds", "limit", "retry_after")),
    "concurrency_429": Instead(_concurrency_429, ("limit",)),
    "html": Instead(_html, ("status",)),
    "answer": Instead(_answer, ("status", "body", "content_type")),
    "error": Instead(_error, ("code", "status", "title", "message")),
    "redirect": Instead(_redirect, ("status", "location")),
}
"""Every kind of fault, by its name in a rule: a new one is an effect above and an entry here."""
