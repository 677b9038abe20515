"""Whose row it is: the e-mail address of each valid row, kept in memory only, to notice a person who comes twice."""

from __future__ import annotations

import json
from typing import Any

from kombo_provider.mapping.chunks import Chunk
from kombo_provider.mapping.phones import note_odd_phones
from kombo_provider.mapping.values import JsonText


def note_emails(chunk: Chunk, _alias: str, values: list[Any]) -> None:
    """Take the cleaned column of addresses."""
    chunk.emails = values


def note_candidates(chunk: Chunk, alias: str, values: list[Any]) -> None:
    """Take the addresses out of the cleaned column of whole candidates."""
    note_odd_phones(chunk, alias, values)
    chunk.emails = [_email_of(value) for value in values]


def _email_of(candidate: Any) -> Any:
    if type(candidate) is not JsonText:  # absent, or refused
        return None
    return json.loads(candidate)["email_address"]
