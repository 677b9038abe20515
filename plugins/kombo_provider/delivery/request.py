"""The request body of a delivery, with the files it names read only now."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from kombo_provider.ledger.sending import Intent

ReadFile = Callable[[str], bytes]
"""Returns a file's contents by its URL; raises UnreadableFileError."""


class UnreadableFileError(Exception):
    """A file that a row names cannot be sent; `problem` says why, without its name."""

    def __init__(self, problem: str, field: str = "attachments") -> None:
        super().__init__(problem)
        self.problem, self.field = problem, field


def build_body(intent: Intent, read_file: ReadFile) -> bytes:
    """Return the JSON body of the request.

    Raises UnreadableFileError, naming the attachment by its position, for a file that cannot be read.
    """
    if not intent.has_files:
        return intent.payload.encode()
    body: dict[str, Any] = json.loads(intent.payload)
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
