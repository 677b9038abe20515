"""The user's SELECT in tokens, by the rules of its dialect."""

from __future__ import annotations

import re
from typing import Final

from sqlglot import Token, TokenType
from sqlglot.dialects import Dialects
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import TokenError

from kombo_provider.errors import SourceError

_OTHER_NAMES: Final = {
    "postgresql": "postgres",
    "cockroachdb": "postgres",
    "mariadb": "mysql",
    "mssql": "tsql",
    "awsathena": "athena",
    "clickhousedb": "clickhouse",
    "teradatasql": "teradata",
}
"""SQLAlchemy's names of dialects that the tokenizer calls otherwise."""

_UNCLOSED: Final = re.compile(r"Missing (?P<delimiter>\S+) from \d+:(?P<start>\d+)")


def without_what_follows(sql: str, where: str, dialect: str) -> str:
    """Return the statement without the semicolons and comments around it.

    Raises SourceError where there is no statement or more than one.
    """
    tokens = _tokens(sql, where, dialect)
    while tokens and tokens[0].token_type is TokenType.SEMICOLON:  # T-SQL's habit: ;WITH
        begins = tokens.pop(0)
        sql = f"{sql[: begins.start]} {sql[begins.end + 1 :]}"
    if not tokens:
        raise SourceError(f"The source query ({where}) is empty: write one SELECT.")
    ended = False
    end = 0
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            ended = True
        elif ended:
            raise SourceError(
                f"The source query ({where}) holds more than one statement: the second begins in line {token.line} "
                f"with {token.text[:20]!r}. Keep one SELECT."
            )
        else:
            end = token.end + 1
    return sql[:end]


def behind_with(select: str) -> int:
    """Return where a T-SQL statement itself begins, behind the names that its WITH gives."""
    tokens = Dialect.get_or_raise("tsql").tokenize(select)
    if tokens[0].token_type is not TokenType.WITH:
        return 0
    depth = 0
    for token in tokens:
        if token.token_type is TokenType.L_PAREN:
            depth += 1
        elif token.token_type is TokenType.R_PAREN:
            depth -= 1
        elif depth == 0 and token.token_type is TokenType.SELECT:
            return token.start
    return 0


def _tokens(sql: str, where: str, dialect: str) -> list[Token]:
    rules = Dialect.get_or_raise(_tokenizers_name(dialect))
    try:
        return rules.tokenize(sql)
    except TokenError as exc:
        problem = _UNCLOSED.fullmatch(str(exc.__cause__))
    try:
        return rules.tokenize(f"{sql}*/")  # SQLite lets a comment at the end stay open
    except TokenError:
        pass
    unclosed = "a comment"
    if problem is not None:
        line = sql.count("\n", 0, int(problem["start"])) + 1
        unclosed = f"the {problem['delimiter']} in line {line}"
    raise SourceError(f"The source query ({where}) cannot be read as a SELECT: {unclosed} is never closed.")


def _tokenizers_name(dialect: str) -> str:
    name = _OTHER_NAMES.get(dialect, dialect)
    return name if name in set(Dialects) else ""
