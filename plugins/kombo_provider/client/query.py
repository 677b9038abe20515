"""Filters of a paged read, written the way Kombo reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from kombo_provider.errors import ConfigurationError

LARGEST_PAGE: Final = 250  # Kombo docs: getting-started/querying-api


def query_pairs(filters: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """Return the filters as query parameters, None if one of them can match nothing.

    None is left out, lists are joined by commas, booleans are `true` / `false`, instants are UTC and cut to
    the second (earlier is harmless: a record is returned once more). An empty list means "none of them",
    while Kombo would take a missing filter for "all". Raises `ConfigurationError` for a value that Kombo
    would read differently.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    for value in given.values():
        if _is_list(value) and not value:
            return None
    pairs = {"page_size": str(LARGEST_PAGE)}
    for name, value in given.items():
        pairs[name] = _written(name, value)
    return list(pairs.items())


def query_string(pairs: list[tuple[str, str]], cursor: str | None) -> str:
    """Return the encoded query of one page: every page repeats all filters."""
    page = list(pairs)
    if cursor is not None:
        page.append(("cursor", cursor))
    # `%20` for a blank: "+" is a form's way to write it, and not every server reads it so in a URL.
    return urlencode(page, quote_via=quote, errors="replace")


def _written(name: str, value: object) -> str:
    if isinstance(value, bool):  # before the numbers: Python counts it among them
        return str(value).lower()
    if isinstance(value, datetime):  # before the dates, for the same reason
        return _instant(name, value)
    if isinstance(value, date):
        return value.isoformat()
    if _is_list(value):
        return ",".join(_element(name, item) for item in value)  # type: ignore[attr-defined]
    if isinstance(value, str | int | float):
        return str(value)
    raise ConfigurationError(f"The filter {name!r} cannot be a {type(value).__name__}.")


def _element(name: str, value: object) -> str:
    written = _written(name, value)
    if "," in written:
        raise ConfigurationError(
            f"A value of the filter {name!r} holds a comma, which Kombo takes for the end of the value: "
            "filter by Kombo's ids instead."
        )
    return written


def _instant(name: str, value: datetime) -> str:
    if value.tzinfo is None:
        raise ConfigurationError(f"The filter {name!r} is a time without a time zone: give it one.")
    # Kombo's pattern knows "Z" and no other offset (API reference, section 2.2).
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset)
