"""The user's SELECT as text that fits into parentheses."""

from __future__ import annotations

import re

from kombo_provider.errors import SourceError

_TOKEN = re.compile(
    r"""(?P<ignored>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<end>;)
    |'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$
    |\w+|.""",
    re.DOTALL | re.VERBOSE,
)


def one_select(sql: str, where: str) -> str:
    """Return the statement without what follows it: semicolons and comments.

    Raises SourceError where there is no statement or more than one; `where` names the text.
    """
    end, ended = 0, False
    for token in _TOKEN.finditer(sql):
        if token["ignored"]:
            continue
        if token["end"]:
            ended = end > 0
        elif ended:
            raise SourceError(f"The source query ({where}) holds more than one statement: keep one SELECT.")
        else:
            end = token.end()
    if not end:
        raise SourceError(f"The source query ({where}) is empty: write one SELECT.")
    return sql[:end].lstrip()
