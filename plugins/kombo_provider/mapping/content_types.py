"""What kind of file it is, where the row does not say: by the ending of its name, else by its first bytes."""

from __future__ import annotations

import base64
import re
from fnmatch import fnmatchcase
from functools import lru_cache
from mimetypes import MimeTypes

import filetype

from kombo_provider.mapping.json_text import PLAIN_MEDIA_TYPE

FIRST_BYTES = 8 * 1024
"""As many as the library looks at."""

# The machine's own files are left out, so that a row has the same type, and hash, on every worker.
_BY_ENDING = MimeTypes(filenames=())
_KOMBO_TAKES = re.compile(PLAIN_MEDIA_TYPE)
_SAYS_NOTHING = "application/octet-stream"


@lru_cache(maxsize=256)
def type_by_ending(ending: str) -> str | None:
    """Return the media type of files whose name ends so (without the dot), None where it is not known."""
    found, _ = _BY_ENDING.guess_type(f"file.{ending}")
    if found is not None and found != _SAYS_NOTHING and _KOMBO_TAKES.fullmatch(found):
        return found
    known = filetype.get_type(ext=ending.lower())
    return known.mime if known is not None else None


def type_by_name(name: str) -> str | None:
    """Return the media type by a file's name, None where its ending is not known."""
    return type_by_ending(name.rpartition(".")[2])


def type_by_contents(first_bytes: bytes) -> str | None:
    """Return the media type by a file's first bytes, None for text and whatever else has no signature."""
    found: str | None = filetype.guess_mime(first_bytes[:FIRST_BYTES])
    return found if found is not None and _KOMBO_TAKES.fullmatch(found) else None


def type_of_base64(data: str) -> str | None:
    """Return the media type by the contents of a file in valid base64."""
    start = data[: FIRST_BYTES * 4 // 3 // 4 * 4]
    return type_by_contents(base64.b64decode(start))


def accepts(accepted: object, content_type: object) -> bool:
    """Tell whether Kombo's list of media types has this one; where one of the two is not told, it may."""
    if not isinstance(accepted, list) or not accepted or not isinstance(content_type, str):
        return True
    names = [name.partition(";")[0].strip().lower() for name in accepted if isinstance(name, str)]
    known = [name for name in names if "/" in name]
    found = content_type.lower()
    return len(known) < len(accepted) or any(fnmatchcase(found, name) for name in known)
