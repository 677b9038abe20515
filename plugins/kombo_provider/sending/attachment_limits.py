"""How large a row's files may be, and of which media types: what the integration says, else what Kombo advises.

Facts are from the API reference, section 4: each number and list of an integration may be null, for "unknown".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kombo_provider.mapping.content_types import accepts

LARGEST_FILES_BYTES: Final = 20 * 1024 * 1024
"""All files of a row, whatever the integration takes: several such bodies have to fit into a task's memory."""

ADVISED_BYTES: Final = 10_000_000
"""All files of a row, where the integration does not say: Kombo's advice, which fits most ATSs."""

_IN_WORDS: Final = {LARGEST_FILES_BYTES: "20 MiB", ADVISED_BYTES: "10 MB"}


class UnfitFileError(Exception):
    """A file is not what the integration takes; `key` is the one of the attachment that is to blame."""

    def __init__(self, problem: str, key: str) -> None:
        super().__init__(problem)
        self.problem, self.key = problem, key


@dataclass(frozen=True, slots=True)
class AttachmentLimits:
    """What is known of an integration; without anything, what a task can hold."""

    total_bytes: int = LARGEST_FILES_BYTES
    bytes_by_type: Mapping[str, int] = field(default_factory=dict)
    media_types_by_type: Mapping[str, object] = field(default_factory=dict)

    def concern(self, payload: str) -> bool:
        """Tell whether files inside a body have to be looked at; nearly all bodies are told by their length."""
        if len(payload) > self.total_bytes:
            return True
        return bool(self.bytes_by_type or self.media_types_by_type) and '"attachments":' in payload

    def check_total(self, total: int) -> None:
        """Raise UnfitFileError where files of a row are too large together."""
        if total > self.total_bytes:
            words = _IN_WORDS.get(self.total_bytes, f"the {self.total_bytes} bytes that the integration takes")
            raise UnfitFileError(f"the row's files are larger than {words} together", "data")

    def check(self, attachment: Mapping[str, Any], size: int | None) -> None:
        """Raise UnfitFileError where a file is not what the integration takes for its type; None: size unknown."""
        kind = attachment.get("type", "")
        most = self.bytes_by_type.get(kind)
        if most is not None and size is not None and size > most:
            raise UnfitFileError(f"the file is larger than the {most} bytes that the integration takes", "data")
        if not accepts(self.media_types_by_type.get(kind), attachment.get("content_type")):
            raise UnfitFileError("is no media type that the integration takes for this type of file", "content_type")


NOT_TOLD: Final = AttachmentLimits(total_bytes=ADVISED_BYTES)


def limits_of(restrictions: Mapping[str, Any]) -> AttachmentLimits:
    """Return the limits in an integration's `attachment_restrictions`; what makes no sense counts as unknown."""
    types = restrictions.get("types")
    if not isinstance(types, dict):
        types = {}
    sizes: dict[str, int] = {}
    media_types: dict[str, Any] = {}
    for kind, rules in types.items():
        if not isinstance(rules, dict):
            continue
        size = _bytes(rules.get("max_file_size_bytes"))
        if size is not None:
            sizes[kind] = size
        accepted = rules.get("accepted_mime_types")
        if accepted:
            media_types[kind] = accepted
    total = _bytes(restrictions.get("total_size_bytes"))
    if total is None:
        total = max([ADVISED_BYTES, *sizes.values()])  # one file of the largest kind has to fit
    return AttachmentLimits(min(total, LARGEST_FILES_BYTES), sizes, media_types)


def _bytes(value: object) -> int | None:
    """Return a positive number of bytes, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value < float("inf"):
        return None
    return int(value)
