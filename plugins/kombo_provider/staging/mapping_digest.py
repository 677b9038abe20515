"""Which mapping this is: a digest of its own sources, so that no change of it can be forgotten."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import filetype
import pydantic
import pydantic_core

_MAPPING = "kombo_provider.mapping"


@cache
def mapping_digest() -> str:
    """Return a digest of all that decides what a mapping makes of a row, read once in a process.

    Besides the sources that is what they lean on: the media types by a file's ending are the standard library's.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return digest_of(files(_MAPPING), [python, filetype.__version__, pydantic.VERSION, pydantic_core.__version__])


def digest_of(package: Traversable, leans_on: list[str]) -> str:
    """Return a digest of a package's modules, by name and contents, and of some words."""
    modules = {entry.name: entry for entry in package.iterdir() if entry.name.endswith((".py", ".pyc"))}
    if not modules:
        raise FileNotFoundError(f"{_MAPPING} has no modules that can be read")
    found = hashlib.sha256("\0".join(leans_on).encode())
    for name in sorted(modules):
        found.update(hashlib.sha256(modules[name].read_bytes()).digest() + name.encode())
    return found.hexdigest()
