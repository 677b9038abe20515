"""Reads the files that attachments name, and no others."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import Path

from kombo_provider.sending.attachment_limits import LARGEST_FILES_BYTES
from kombo_provider.sending.request import ReadFile, UnreadableFileError

_LOCAL_SCHEMES = ("", "file", "local")


def file_reader(roots: Sequence[str]) -> ReadFile:
    """Return a reader for files below one of the pipeline's `attachment_roots` (ObjectStoragePath URLs).

    Of a file that is too large, only so much is read as proves it.
    """

    def read(url: str) -> bytes:
        try:
            content = _content(url, roots)
        except UnreadableFileError:
            raise
        except Exception as exc:  # noqa: BLE001 - the border to storage drivers, each with errors of its own
            raise UnreadableFileError(f"the file cannot be read ({type(exc).__name__})") from None
        if not content:
            raise UnreadableFileError("the file is empty")
        return content

    return read


def _content(url: str, roots: Sequence[str]) -> bytes:
    scheme, rest = _split(url)
    same_kind = [root for root in roots if _split(root)[0] == scheme]
    if scheme == "file":
        with _local_file(rest, same_kind).open("rb") as local:
            return local.read(LARGEST_FILES_BYTES + 1)
    from airflow.sdk import ObjectStoragePath

    with ObjectStoragePath(_below(f"{scheme}://{rest}", same_kind)).open("rb") as remote:  # type: ignore[no-untyped-call]
        content: bytes = remote.read(LARGEST_FILES_BYTES + 1)
    return content


def _split(url: str) -> tuple[str, str]:
    """Return scheme and the rest; a bare path is a local file's."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "file", url
    return ("file" if scheme.lower() in _LOCAL_SCHEMES else scheme), rest


def _local_file(path: str, roots: Sequence[str]) -> Path:
    """Return the file behind all links, if that lies below what is behind the links of a root."""
    real = Path(path).resolve(strict=True)
    if not any(real.is_relative_to(Path(_split(root)[1]).resolve()) for root in roots):
        raise _outside()
    if not real.is_file():  # a pipe, for one, may never end
        raise UnreadableFileError("the path names no regular file")
    return real


def _below(url: str, roots: Sequence[str]) -> str:
    """Return the URL if it lies below a root after `.` and `..` are resolved."""
    scheme, _, rest = url.partition("://")
    normal = f"{scheme}://{posixpath.normpath(rest)}"
    for root in roots:
        folder = root.rstrip("/") + "/"
        if normal.startswith(folder) and "::" not in normal.removeprefix(folder):  # that would name a second place
            return normal
    raise _outside()


def _outside() -> UnreadableFileError:
    return UnreadableFileError("the file lies below none of the pipeline's attachment_roots")
