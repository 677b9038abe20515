"""The request body of a delivery, with the files it names read only now."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from typing import Any

from kombo_provider.ledger import DeliveryKey, Intent
from kombo_provider.mapping.content_types import type_by_contents

ReadFile = Callable[[str], bytes]
"""Returns a file's contents by its URL; raises UnreadableFileError."""


class UnreadableFileError(Exception):
    """A file that a row names cannot be sent; `problem` says why, without its name."""

    def __init__(self, problem: str, field: str = "attachments") -> None:
        super().__init__(problem)
        self.problem, self.field = problem, field


_LARGEST_FILES = "20 MiB"
LARGEST_FILES_BYTES = 20 * 1024 * 1024
"""All files of a row: twice what Kombo advises, and so little that several such bodies fit into a task's memory."""

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


def build_body(intent: Intent, read_file: ReadFile) -> bytes:
    """Return the JSON body of the request.

    Raises UnreadableFileError, naming the attachment by its position, for a file that cannot be read.
    """
    payload = intent.payload or "{}"
    if not intent.has_files:
        return payload.encode()
    body: dict[str, Any] = json.loads(payload)
    files = _take_files(body.get("attachments", []), read_file)
    between = json.dumps(body, ensure_ascii=False, separators=(",", ":")).split(_FILE_AS_JSON)
    return _woven([part.encode() for part in between], files)


def _take_files(attachments: list[dict[str, Any]], read_file: ReadFile) -> list[bytes]:
    """Return the files that attachments name, in base64; in the attachments a stand-in takes their place."""
    files: list[bytes] = []
    total = 0
    for index, attachment in enumerate(attachments):
        if "path" not in attachment:
            continue
        field = f"attachments[{index}].path"
        content = _read(attachment.pop("path"), field, read_file)
        total += len(content)
        if total > LARGEST_FILES_BYTES:
            raise UnreadableFileError(f"the row's files are larger than {_LARGEST_FILES} together", field)
        if "content_type" not in attachment:
            attachment["content_type"] = _type_of(content, field)
        attachment["data"] = _FILE
        files.append(base64.b64encode(content))
    return files


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
