"""The meta columns: who a row is about, and what the source says of it besides the body (contract §4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from kombo_provider.mapping.chunks import Chunk, reason
from kombo_provider.mapping.kinds import flag
from kombo_provider.mapping.values import Rules, check_characters, from_numpy, refuse, text_of, tidy

_LONGEST_BYTES = 800
"""An index entry of PostgreSQL has 2,704 bytes at most, and the ledger's hold source, integration and applicant."""

_HEADER_SAFE = re.compile(r"[!-\[\]-~]+")  # visible ASCII; no backslash, so that a spelled out one is never an id
_EXPECTED_INTEGRATION = (
    "expected the id that Kombo shows, such as workday:HWUTwvyx2wLoSUHphiWVrp28: ASCII letters, digits and signs only"
)


class Keys(NamedTuple):
    """What identifies each row, by column; without a usable key, both ids are None and `problems` says why."""

    integration_ids: list[str | None]
    applicant_ids: list[str | None]
    problems: list[str | None]


def read_keys(chunk: Chunk, default_integration_id: str | None) -> Keys:
    """Return the key of each row; a row without an integration gets the default one."""
    refusals: dict[int, str] = {}

    def note(row: int, alias: str, error: Exception, _value: object) -> None:
        refusals.setdefault(row, f"{alias} {reason(error)}")

    applicants = chunk.cleaned("applicant_id", key_text, note, glance=_short)
    integrations = chunk.cleaned("integration_id", _integration_text, note, glance=_short)
    _check_integrations(chunk, integrations)
    if default_integration_id is not None:
        integrations = [integration or default_integration_id for integration in integrations]
    keys = Keys(integrations, applicants, [None] * chunk.rows)
    if refusals or None in applicants or None in integrations:
        _leave_out_unusable(keys, refusals)
    return keys


def _leave_out_unusable(keys: Keys, refusals: Mapping[int, str]) -> None:
    for row, (integration, applicant) in enumerate(zip(keys.integration_ids, keys.applicant_ids, strict=True)):
        problem = refusals.get(row) or _lacking(integration, applicant)
        if problem is not None:
            keys.integration_ids[row] = keys.applicant_ids[row] = None
            keys.problems[row] = problem


def _lacking(integration_id: str | None, applicant_id: str | None) -> str | None:
    if applicant_id is None:
        return "applicant_id is empty"
    if integration_id is None:
        return "integration_id is empty, and the connection sets none"
    return None


def _check_integrations(chunk: Chunk, integrations: list[Any]) -> None:
    """Report the ids that no header can carry: such a row has its key, and is invalid."""
    given = [text for text in set(integrations) if isinstance(text, str)]
    impossible = {text for text in given if not _HEADER_SAFE.fullmatch(text)}
    if not impossible:
        return
    for row, text in enumerate(integrations):
        if text in impossible:
            chunk.report(row, "integration_id", refuse(_EXPECTED_INTEGRATION), text)


def _integration_text(value: Any, _rules: Rules) -> str | None:
    """Return the id's text; control characters in it are spelled out, so that the ledger can hold it."""
    text = (value if type(value) is str else _exact(value)).strip()
    if not text.isprintable():
        text = text.encode("unicode_escape").decode()
    _check_length(text)
    return text or None


def key_text(value: Any, _rules: Rules) -> str | None:
    """Return a key: the exact text of an integer, UUID or string, stripped; None for a blank one."""
    if type(value) is not str:
        value = _exact(value)
    text: str = value.strip()
    _check_length(text)
    if not text.isprintable():
        _check_control(text)
    if not text.isascii() and not tidy(text):  # nobody could see it
        return None
    return text or None


def _exact(value: Any) -> str:
    value = from_numpy(value)
    if isinstance(value, float):
        raise refuse(
            "is a float, which is no key (an integer column with NULLs arrives as one): cast it to text in the SELECT"
        )
    return text_of(value)


def _short(texts: list[str], _rules: Rules) -> list[str] | None:
    """Return the ids where each is surely short enough."""
    return texts if max(map(len, texts), default=0) <= _LONGEST_BYTES // 4 else None


def _check_length(text: str) -> None:
    if len(text) > _LONGEST_BYTES // 4 and len(text.encode(errors="replace")) > _LONGEST_BYTES:
        raise refuse(f"is longer than {_LONGEST_BYTES} bytes")


def _check_control(text: str) -> None:
    check_characters(text)
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
        raise refuse("holds control characters")


def already_sent(value: Any, rules: Rules) -> str | None:
    """Return "" for true, the id where the source names one, None for false."""
    value = from_numpy(value)
    try:
        sent = flag(value, rules)
    except ValueError:
        if isinstance(value, bool | int | float | Decimal):
            raise refuse("expected true, false, or the text of a Kombo application id") from None
        return key_text(value, rules)
    return "" if sent else None
