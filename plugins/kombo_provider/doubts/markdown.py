"""Text from outside in a page that Airflow shows as Markdown: it stays text, whatever it holds."""

from __future__ import annotations

import re
import unicodedata

LONGEST_TEXT = 200

_BACKTICKS = re.compile("`+")
_CONTROLS = ("Cc", "Cf", "Zl", "Zp")
"""Line breaks begin a new block of Markdown or a new line of a log; marks of direction turn what follows around."""


def text(value: str) -> str:
    """Return a text as inline code, also for a cell of a table: nothing in it is markup, a link or an image."""
    shown = plain(value)
    # A run of backticks ends code that began with as many: one more than the longest in the text ends it nowhere else.
    longest_run = max(map(len, _BACKTICKS.findall(shown)), default=0)
    fence = "`" * (longest_run + 1)
    if "`" in shown or not shown.strip():
        shown = f" {shown} "  # a backtick beside the fence would lengthen it, and an empty fence is none
    shown = shown.replace("|", "\\|")  # in a table's cell it ends the cell, also within code
    return f"{fence}{shown}{fence}"


def plain(value: str) -> str:
    """Return a text as one line of bounded length, without control characters: for a log."""
    visible = []
    for char in value:
        if unicodedata.category(char) in _CONTROLS:
            visible.append(" ")
        else:
            visible.append(char)
    shown = "".join(visible)
    if len(shown) > LONGEST_TEXT:
        return shown[: LONGEST_TEXT - 1] + "…"
    return shown


def link(words: str, url: str) -> str:
    """Return a link to a page of Kombo's; `url` is one that the client let through."""
    return f"[{words}]({url})"
