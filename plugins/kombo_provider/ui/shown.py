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
    fields: Mapping[str, Any] = row if isinstance(row, Mapping) else row._asdict()
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
    return url if parts.scheme.lower() in ("http", "https") and parts.netloc else None


def _shown(name: str, value: Any) -> Any:
    if name in _JSON_TEXT:
        return _links_checked(_parsed(value))
    if name == "log_url":
        return safe_link(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _links_checked(value: Any) -> Any:
    if isinstance(value, list):
        return [_links_checked(inner) for inner in value]
    if isinstance(value, dict):
        return {name: safe_link(inner) if name == "log_url" else _links_checked(inner) for name, inner in value.items()}
    return value
