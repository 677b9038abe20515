"""One request and one reply, as the rest of the sandbox sees them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kombo_sandbox.errors import input_invalid

if TYPE_CHECKING:
    import asyncio

Headers = tuple[tuple[str, str], ...]
_UNREAD: Any = object()
_HTML = "text/html"
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(slots=True)
class Request:
    """A parsed request; `segments` is the path split at `/`, each part percent-decoded."""

    method: str
    target: str
    segments: tuple[str, ...]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    client_gone: asyncio.Event
    _json: Any = field(default=_UNREAD, repr=False)

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty object."""
        if self._json is _UNREAD:
            self._json = self._read_json()
        return self._json  # type: ignore[no-any-return]

    def forget_body(self) -> None:
        """Frees an attachment of several MB while its request waits for the pretended ATS."""
        self.body = b""
        self._json = {}

    def _read_json(self) -> dict[str, Any]:
        if not self.body:
            return {}
        # Kombo's SDK sends it with each body; a client that forgets it shall learn of it here.
        if not self.headers.get("content-type", "").lower().startswith("application/json"):
            raise input_invalid("Content-Type", "must be application/json")
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as exc:  # the second: nesting without end
            raise input_invalid("body", "is not valid JSON") from exc
        if not isinstance(value, dict):
            raise input_invalid("body", "must be a JSON object")
        return value


@dataclass(slots=True)
class Reply:
    """What goes back; `status=0` sends nothing, and `then` says what becomes of the connection."""

    status: int
    body: bytes = b""
    headers: Headers = ()
    content_type: str = "application/json; charset=utf-8"
    then: Literal["keep", "close", "reset"] = "keep"
    claimed_length: int | None = None
    code: str | None = None
    interim: tuple[int, ...] = ()
    """Statuses from 100 to 199 that go ahead of the answer."""

    def add_headers(self, headers: Headers) -> None:
        """Adds what the API says with each answer, unless a fault says it, or something in front of the API answers."""
        if self.content_type != _HTML:
            present = {name for name, _ in self.headers}
            self.headers += tuple(header for header in headers if header[0] not in present)


def html_page(status: int) -> Reply:
    """What a load balancer answers in Kombo's place."""
    body = f"<html><head><title>{status}</title></head><body><h1>{status} Service error</h1></body></html>"
    return Reply(status, body.encode(), content_type=_HTML)


def json_reply(payload: Any, status: int = 200, headers: Headers = (), code: str | None = None) -> Reply:
    """The payload as JSON."""
    return Reply(status, _encode(payload).encode(), headers, code=code)
