"""The hash that tells whether a row changed: the same in every process, release and order of columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from kombo_provider.mapping.values import from_numpy


def digest(parts: Iterable[str]) -> str:
    """Return the SHA-256 of these texts, as hex digits; NUL, which no part holds, keeps them apart."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def fingerprint(value: Any) -> str:
    """Return a hash of a value that could not be sent, so that a corrected one is noticed."""
    try:
        return hashlib.sha256(_bytes_of(value)).hexdigest()
    except Exception as exc:  # noqa: BLE001  (the border to the user's values; what cannot be read has no hash)
        return type(exc).__name__


def _bytes_of(value: Any) -> bytes:
    value = from_numpy(value)
    if isinstance(value, str):
        return b"text:" + value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes | bytearray | memoryview):
        return b"binary:" + bytes(value)
    if isinstance(value, dict):
        return b"object:" + b"".join(sorted(_bytes_of(str(key)) + _bytes_of(item) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return b"list:" + b"".join(fingerprint(item).encode() for item in value)
    if isinstance(value, int):
        return b"number:" + hex(value).encode()  # `str` refuses very long ones
    if isinstance(value, float | Decimal | date | UUID):
        return f"{type(value).__name__}:{value}".encode()
    return type(value).__name__.encode()  # its text may hold an address of this process
