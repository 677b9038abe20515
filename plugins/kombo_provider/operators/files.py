"""Reads the files that attachments name, and no others."""

from __future__ import annotations

from collections.abc import Sequence

from kombo_provider.sending.request import ReadFile, UnreadableFileError


def file_reader(roots: Sequence[str]) -> ReadFile:
    """Return a reader for files below one of the pipeline's `attachment_roots` (ObjectStoragePath URLs)."""

    def read(url: str) -> bytes:
        from airflow.sdk import ObjectStoragePath

        path = _below(url, roots)
        try:
            content: bytes = ObjectStoragePath(path).read_bytes()
        except Exception as exc:  # noqa: BLE001 - the border to storage drivers, each with errors of its own
            raise UnreadableFileError(f"the file cannot be read ({type(exc).__name__})") from None
        return content

    return read


def _below(url: str, roots: Sequence[str]) -> str:
    """Return the URL if it lies below a root after `.` and `..` are resolved, or refuse it."""
    import posixpath

    scheme, separator, rest = url.partition("://")
    normal = scheme + separator + posixpath.normpath(rest) if separator else posixpath.normpath(url)
    for root in roots:
        if normal.startswith(root.rstrip("/") + "/"):
            return normal
    raise UnreadableFileError("the file lies below none of the pipeline's attachment_roots")
