"""The user's SELECT as text that fits into parentheses."""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(
    r"""(?:
        (?: \s | --(?=\s)[^\n]*\n )*+        # blanks, and comments with something behind them
        (?: [\w.,()=<>*+|!%&:?@^~\[\]]      # what begins neither a quote nor a comment
          | -(?!-)
          | /(?![*/])
          | '[^'\\;]*'
          | "[^"\\;]*"
        )
    )++""",
    re.VERBOSE,
)
"""A text that every dialect reads alike, and in which nothing ends a statement."""


def one_select(sql: str, where: str, dialect: str) -> str:
    """Return the statement without what follows it: semicolons and comments.

    `dialect` is SQLAlchemy's name; quotes and comments are read by its rules. The statement keeps its lines' numbers.
    Raises SourceError where there is no statement or more than one; `where` names the text.
    """
    plain = sql.rstrip().removesuffix(";").rstrip()
    if plain and _PLAIN.fullmatch(plain):
        return plain
    # The tokenizer takes a tenth of a second to load: too much for each run of a SELECT that does not need it.
    from kombo_provider.source.tokens import without_what_follows

    return without_what_follows(sql, where, dialect)


def wrapped(select: str, dialect: str) -> str:
    """Return the query whose rows are those of the SELECT, to which a condition can be added.

    T-SQL refuses WITH inside of parentheses: what it names stays in front.
    """
    begin = 0
    if dialect == "mssql":
        from kombo_provider.source.tokens import behind_with

        begin = behind_with(select)
    return f"{select[:begin]}SELECT * FROM (\n{select[begin:]}\n) kombo_source"  # noqa: S608 - the user's own SELECT
