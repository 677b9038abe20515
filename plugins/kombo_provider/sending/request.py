"""The request body of a delivery, with the files it names read only now."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from typing import Any

from kombo_provider.ledger import DeliveryKey
from kombo_provider.ledger.claims import Intent
from kombo_provider.mapping.answers import size_of_base64
from kombo_provider.mapping.content_types import type_by_contents
from kombo_provider.sending.attachment_limits import AttachmentLimits, UnfitFileError

ReadFile = Callable[[str], bytes]
"""Returns a file's contents by its URL; raises UnreadableFileError."""


class UnreadableFileError(Exception):
    """A file that a row names cannot be sent; `problem` says why, without its name."""

    def __init__(self, problem: str, field: str = "attachments") -> None:
        super().__init__(problem)
        self.problem, self.field = problem, field


_WHATEVER_FITS = AttachmentLimits()

_KEPT_BYTES = 32 * 1024 * 1024


class LateBodies:
    """Bodies whose files took too long to read for the request to begin: the row's next turn has them at hand.

    Safe to use from many threads. What exceeds 32 MiB in all is read anew, and so is a row that was staged again.
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


_FILE = "\0file"
"""Stands for a file's text while the rest of the body is encoded: no text of a row holds a control character."""

_FILE_AS_JSON = json.dumps(_FILE)


def build_body(intent: Intent, read_file: ReadFile, limits: AttachmentLimits = _WHATEVER_FITS) -> bytes:
    """Return the JSON body of the request.

    Raises UnreadableFileError, naming the attachment by its position, for a file that cannot be read, and for one that
    is larger, or of another media type, than the integration takes.
    """
    payload = intent.payload or "{}"
    if not intent.has_files and not limits.concern(payload):
        return payload.encode()
    body: dict[str, Any] = json.loads(payload)
    files = _take_files(body.get("attachments", []), read_file, limits)
    if not intent.has_files:
        return payload.encode()
    between = json.dumps(body, ensure_ascii=False, separators=(",", ":")).split(_FILE_AS_JSON)
    return _woven([part.encode() for part in between], files)


def _take_files(attachments: list[dict[str, Any]], read_file: ReadFile, limits: AttachmentLimits) -> list[bytes]:
    """Return the files that attachments name, in base64; in the attachments a stand-in takes their place.

    The sizes of files that lie in the body already count as well.
    """
    files: list[bytes] = []
    total = 0
    for index, attachment in enumerate(attachments):
        content = None
        key = "path" if "path" in attachment else "data"
        if key == "path":
            content = _read(attachment.pop("path"), f"attachments[{index}].path", read_file)
        size = len(content) if content is not None else _size(attachment)
        total += size or 0
        try:
            limits.check_total(total)
            if content is not None and "content_type" not in attachment:
                attachment["content_type"] = _type_of(content, f"attachments[{index}].path")
            limits.check(attachment, size)
        except UnfitFileError as exc:
            where = key if exc.key == "data" else exc.key
            raise UnreadableFileError(exc.problem, f"attachments[{index}].{where}") from None
        if content is not None:
            attachment["data"] = _FILE
            files.append(base64.b64encode(content))
    return files


def _size(attachment: dict[str, Any]) -> int | None:
    """Return how large a file in the body is, None for one that Kombo downloads."""
    data = attachment.get("data")
    return size_of_base64(data) if isinstance(data, str) else None


def _read(path: str, field: str, read_file: ReadFile) -> bytes:
    try:
        return read_file(path)
    except UnreadableFileError as exc:
        raise UnreadableFileError(exc.problem, field) from None


def _type_of(content: bytes, field: str) -> str:
    found = type_by_contents(content)
    if found is None:
        raise UnreadableFileError("neither the name nor the contents of the file tell its content_type", field)
    return found


def _woven(between: list[bytes], files: list[bytes]) -> bytes:
    """Put the files where they belong, copying each once: as text they would take their size several times over."""
    pieces = [between[0]]
    for file, rest in zip(files, between[1:], strict=True):
        pieces += [b'"', file, b'"', rest]
    return b"".join(pieces)
