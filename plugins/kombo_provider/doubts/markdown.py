"""Text from outside in a page that Airflow shows as Markdown: it stays text, whatever it holds."""

from __future__ import annotations

import re
import unicodedata

LONGEST_TEXT = 200

_BACKTICKS = re.compile("`+")


def text(value: str) -> str:
    """Return a text as inline code, also for a cell of a table: nothing in it is markup, a link or an image."""
    shown = plain(value)
    longest_run = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    fence = "`" * (longest_run + 1)
    shown = shown.replace("|", "\\|")
    return f"{fence} {shown} {fence}" if "`" in shown or not shown.strip() else f"{fence}{shown}{fence}"


def plain(value: str) -> str:
    """Return a text as one line of bounded length, without control characters: for a log."""
    shown = "".join(" " if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") else char for char in value)
    return shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT - 1] + "…"


def link(words: str, url: str) -> str:
    """Return a link to a page of Kombo's; `url` is one that the client let through."""
    return f"[{words}]({url})"
