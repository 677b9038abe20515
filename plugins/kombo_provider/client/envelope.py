"""The JSON around every answer of Kombo, read so that nothing in it can raise.

`{"status": "success", "data": …, "warnings": [{"message": …}]}` or
`{"status": "error", "error": {"code", "title", "message", "log_url"}}` (Kombo docs: guides/errors).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from kombo_provider.client.lenient import read_leniently

# Enough for any sentence of Kombo's; an ATS's page of HTML in a message would fill the ledger.
_LONGEST_TEXT: Final = 4_000
_LONGEST_ID_BYTES: Final = 500  # an index entry of PostgreSQL has 2,704 bytes at most, and ids share it
# Codes are grouped, counted and compared (API reference, section 11): anything else under that name is no code.
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,60}(\.[A-Z0-9_]{1,60}){1,3}")
_LINK: Final = re.compile(r"https?://[^\s\x00-\x20\x7f\"'<>()\[\]`\\{}|^]{1,1900}")
# What Kombo writes first, as bytes, since a body that was cut off is no JSON and may end within a character.
_SUCCESS_BEGINS: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"status"\s*:\s*"success"\s*,')
_JSON_BEGINS: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
_FIRST_ID: Final = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*\{\s*"status"\s*:\s*"success"\s*,\s*"data"\s*:\s*\{\s*"id"\s*:\s*"([\w:-]{1,200})"'
)
_MOST_WARNINGS: Final = 100


@dataclass(frozen=True, slots=True)
class Envelope:
    """What could be read of an answer's body; `status` is None where it was not Kombo's.

    `is_broken`: it begins as JSON and is none, so that what it says, or would have said, is not known.
    `is_beginning`: it begins as Kombo's success, and no more of it could be read.
    """

    status: str | None = None
    is_broken: bool = False
    is_beginning: bool = False
    data: Any = None
    is_error: bool = False
    code: str | None = None
    title: str | None = None
    message: str | None = None
    log_url: str | None = None
    warnings: tuple[str, ...] = ()


def parse_envelope(body: bytes) -> Envelope:
    """Return what the body holds; a body that is not Kombo's gives an empty envelope.

    Of a body that no JSON reader takes (a byte that is no UTF-8, nesting without end, a number of thousands of digits)
    the beginning counts: it proves a success as that of one cut off does.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return beginning_of_success(body) or Envelope(is_broken=_JSON_BEGINS.match(body) is not None)
    return _envelope(answer)


def parse_read(body: bytes) -> Envelope:
    """Return what the body of an answer to a read holds, also where no JSON reader takes it (see `read_leniently`)."""
    envelope = parse_envelope(body)
    if not envelope.is_broken and not envelope.is_beginning:
        return envelope
    try:
        return _envelope(read_leniently(body))
    except ValueError:
        return envelope


def _envelope(answer: Any) -> Envelope:
    if not isinstance(answer, dict):
        return Envelope()
    status = text(answer.get("status"))
    error = answer.get("error")
    # Either mark is enough for a refusal (API reference, section 11), unless the answer calls itself a success.
    is_error = status == "error" or (status != "success" and isinstance(error, dict))
    details: dict[str, Any] = {}
    if is_error and isinstance(error, dict):
        details = error
    return Envelope(
        status=status,
        data=answer.get("data"),
        is_error=is_error,
        code=_matching(_CODE, details.get("code")),
        title=text(details.get("title")),
        message=text(details.get("message")),
        log_url=_matching(_LINK, details.get("log_url")),
        warnings=_warnings(answer.get("warnings")),
    )


def beginning_of_success(body: bytes) -> Envelope | None:
    """Return what can be read of a success whose body was cut off, None where it does not begin as one."""
    if not _SUCCESS_BEGINS.match(body):
        return None
    found = _FIRST_ID.match(body)
    if found is None or not found[1].isascii():
        return Envelope(status="success", is_beginning=True)
    return Envelope(status="success", is_beginning=True, data={"id": found[1].decode("ascii")})


def is_link(value: object) -> TypeGuard[str]:
    """Tell whether a value is an http(s) URL of sane length, without anything that a page or a log could act on."""
    return isinstance(value, str) and _LINK.fullmatch(value) is not None


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    """Return a text that is what its name says, None for any other: it leaves the ledger as code or link."""
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    return None


def text(value: object, *, longest: int = _LONGEST_TEXT) -> str | None:
    """Return a string that every database can store, or None for anything that is no text.

    NUL characters and lone surrogates are legal in JSON, but not in PostgreSQL or UTF-8.
    """
    if not isinstance(value, str) or not value:
        return None
    if not value.isascii() or "\x00" in value:
        value = value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return value[:longest] or None


def id_text(value: object) -> str | None:
    """Return an id of Kombo's or an ATS's; None for what is none, as a text that an index or a line cannot hold."""
    if not isinstance(value, str) or not value.isprintable() or not value.strip():
        return None
    if len(value.encode()) > _LONGEST_ID_BYTES:
        return None
    return value


def _warnings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    messages: list[str] = []
    for item in value[:_MOST_WARNINGS]:
        if not isinstance(item, dict):
            continue
        message = text(item.get("message"))
        if message is not None:
            messages.append(message)
    return tuple(messages)
