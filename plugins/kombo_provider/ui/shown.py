"""What the ledger holds, as JSON for the page: instants as text, and links only where a browser may follow them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

_JSON_TEXT = ("problems", "counts", "statuses", "top_codes")


def shown(row: Any) -> dict[str, Any]:
    """Return a row of the ledger, or one of its named tuples, as the page takes it."""
    fields = row
    if not isinstance(row, Mapping):
        fields = row._asdict()
    return {name: _shown(name, value) for name, value in fields.items()}


def all_shown(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Return several of them."""
    return [shown(row) for row in rows]


def safe_link(url: object) -> str | None:
    """Return a link of Kombo's if it leads to a web page; anything else, a script for one, is dropped."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        return None
    return url


def _shown(name: str, value: Any) -> Any:
    if name in _JSON_TEXT:
        return _links_checked(_parsed(value))
    if name == "log_url":
        return safe_link(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def _parsed(text: Any) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:  # written by hand, or by a release that is newer: the rest of the row is shown all the same
        return None


def _links_checked(value: Any) -> Any:
    if isinstance(value, list):
        return [_links_checked(inner) for inner in value]
    if isinstance(value, dict):
        checked = {}
        for name, inner in value.items():
            checked[name] = safe_link(inner) if name == "log_url" else _links_checked(inner)
        return checked
    return value
