"""Takes the coding off an answer's body: what a server on the way compressed, though it was asked not to."""

from __future__ import annotations

import zlib
from typing import Final

_ZLIB_OR_GZIP: Final = zlib.MAX_WBITS | 32
_CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})


def decoded(content: bytes, coding: str | None, *, most_bytes: int) -> tuple[bytes, bool]:
    """Return at most `most_bytes` of a body without its `Content-Encoding`, and whether that is all of it.

    A coding that is not known here leaves nothing: b"", and not all.
    """
    name = (coding or "identity").strip().lower()
    if name == "identity":
        return content, True
    if name not in _CODINGS:
        return b"", False
    reader = zlib.decompressobj(_ZLIB_OR_GZIP)
    try:
        body = reader.decompress(content, most_bytes)
    except zlib.error:
        return b"", False
    return body, reader.eof
