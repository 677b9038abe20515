"""What an integration says about attachments, and whether a request obeys it."""

from __future__ import annotations

from typing import Any

from kombo_sandbox.errors import ApiError
from kombo_sandbox.validation import file_size_bytes


def check_restrictions(files: list[dict[str, Any]], restrictions: dict[str, Any] | None) -> None:
    """Raises REMOTE.INPUT_INVALID where the ATS takes no such attachments."""
    if restrictions is None:
        return
    sizes = [file_size_bytes(file, f"attachments.{index}") for index, file in enumerate(files)]
    total = restrictions.get("total_size_bytes")
    # The size of a file behind a `data_url` is not known, and counts as nothing.
    if total is not None and sum(size or 0 for size in sizes) > total:
        raise _refused(f"all attachments together must have at most {total} bytes")
    for kind, rule in (restrictions.get("types") or {}).items():
        chosen = [pair for pair in zip(files, sizes, strict=True) if pair[0]["type"] == kind]
        _check_kind(kind, rule, chosen)


def _check_kind(kind: str, rule: dict[str, Any], files: list[tuple[dict[str, Any], int | None]]) -> None:
    if not rule.get("is_supported", True):
        if files:
            raise _refused(f"{kind} is not supported")
        return
    # Each may be null for "unknown" (API reference, section 4).
    low, high = rule.get("min_amount") or 0, rule.get("max_amount")
    if len(files) < low or (high is not None and len(files) > high):
        most = "any number"
        if high is not None:
            most = str(high)
        raise _refused(f"{kind}: from {low} to {most} files")
    limit, accepted = rule.get("max_file_size_bytes"), rule.get("accepted_mime_types")
    for file, size in files:
        if limit is not None and size is not None and size > limit:
            raise _refused(f"{kind} must have at most {limit} bytes")
        if accepted and file.get("content_type") not in (None, *accepted):
            raise _refused(f"{kind} must be one of {', '.join(accepted)}")


def _refused(problem: str) -> ApiError:
    return ApiError("REMOTE.INPUT_INVALID", f"The ATS refused the attachments: {problem}.")
