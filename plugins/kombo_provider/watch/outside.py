"""Text from outside in a message: one line of bounded length that no channel takes for anything but text."""

from __future__ import annotations

import html
import unicodedata
from typing import Final

LONGEST_TEXT: Final = 100

_LOOK_ALIKES = str.maketrans(
    {
        "<": "‹",
        ">": "›",
        "[": "(",
        "]": ")",
        "{": "(",
        "}": ")",
        "`": "'",
        "|": "¦",
        "*": "∗",
        "@": "＠",
        "\\": "∖",
    }
)
"""What begins a tag, a mention, a template, Markdown or a link somewhere; each kept readable."""
_NO_TEXT = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")


def neutral(value: str) -> str:
    """Return a text from outside as data: no control character, no markup, no mention, no link, no template."""
    # Cut before anything else: nothing bounds a text from outside. Not to its final length, since blanks join below.
    beginning = value[: 4 * LONGEST_TEXT]
    visible = []
    for char in beginning:
        if unicodedata.category(char) in _NO_TEXT:
            visible.append(" ")
        else:
            visible.append(char)
    shown = " ".join("".join(visible).split())
    if len(shown) > LONGEST_TEXT or len(value) > len(beginning):
        shown = shown[: LONGEST_TEXT - 1] + "…"
    # Channels make a link of any address; with look-alikes for its slashes it can be read and not clicked.
    return shown.translate(_LOOK_ALIKES).replace("://", ":∕∕")


def as_html(text: str) -> str:
    """Return a message's text for an e-mail in HTML."""
    return html.escape(text).replace("\n", "<br>")


def as_slack(text: str) -> str:
    """Return a message's text as Slack wants it: these three characters are its markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
