"""The request body of a delivery, with the files it names read only now."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from typing import Any

from kombo_provider.ledger import DeliveryKey, Intent

ReadFile = Callable[[str], bytes]
"""Returns a file's contents by its URL; raises UnreadableFileError."""


class UnreadableFileError(Exception):
    """A file that a row names cannot be sent; `problem` says why, without its name."""

    def __init__(self, problem: str, field: str = "attachments") -> None:
        super().__init__(problem)
        self.problem, self.field = problem, field


_KEPT_BYTES = 64 * 1024 * 1024


class LateBodies:
    """Bodies whose files took too long to read for the request to begin: the row's next turn has them at hand.

    Safe to use from many threads. What exceeds 64 MiB in all is read anew, and so is a row that was staged again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bodies: dict[DeliveryKey, tuple[str | None, bytes]] = {}

    def keep(self, intent: Intent, body: bytes) -> None:
        """Keep a body for the row's next turn, if there is room."""
        with self._lock:
            if sum(len(kept) for _, kept in self._bodies.values()) + len(body) <= _KEPT_BYTES:
                self._bodies[intent.key] = intent.payload, body

    def pop(self, intent: Intent) -> bytes | None:
        """Return the row's body, if it was kept and is that of the same payload."""
        with self._lock:
            payload, body = self._bodies.pop(intent.key, (None, b""))
        return body if payload is not None and payload == intent.payload else None


def build_body(intent: Intent, read_file: ReadFile) -> bytes:
    """Return the JSON body of the request.

    Raises UnreadableFileError, naming the attachment by its position, for a file that cannot be read.
    """
    payload = intent.payload or "{}"
    if not intent.has_files:
        return payload.encode()
    body: dict[str, Any] = json.loads(payload)
    for index, attachment in enumerate(body.get("attachments", [])):
        if "path" in attachment:
            _embed(attachment, f"attachments[{index}].path", read_file)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _embed(attachment: dict[str, Any], field: str, read_file: ReadFile) -> None:
    path = attachment.pop("path")
    try:
        content = read_file(path)
    except UnreadableFileError as exc:
        raise UnreadableFileError(exc.problem, field) from None
    attachment["data"] = base64.b64encode(content).decode("ascii")
