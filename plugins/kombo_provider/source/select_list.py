"""The columns that a SELECT returns, read off its text: no database is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kombo_provider.errors import SourceError
from kombo_provider.source.statement import one_select

if TYPE_CHECKING:
    from sqlglot.expressions import Query

_DIALECTS = (None, "postgres", "sqlite", "snowflake", "bigquery", "databricks", "tsql", "oracle", "mysql", "duckdb")
"""Tried one after the other: the text does not say whose it is, and nearly all are read by the first two."""


def selected_columns(sql: str, where: str) -> list[str] | None:
    """Return the names of the columns, in the SELECT's order and spelling; None where it holds a `*`.

    Raises SourceError for what is no SELECT in any dialect, and for a column without a name; `where` names the text.
    """
    query = _parsed(sql, where)
    if query.is_star:
        return None
    names = [column.alias_or_name for column in query.selects]
    if "" in names:
        raise SourceError(
            f"Column {names.index('') + 1} of the source query ({where}) has no name: write AS and the field's alias."
        )
    return names


def _parsed(sql: str, where: str) -> Query:
    from sqlglot import ParseError, TokenError, exp, parse_one

    place = ""
    refused: SourceError | None = None
    for dialect in _DIALECTS:
        try:
            parsed = parse_one(one_select(sql, where, dialect or ""), dialect=dialect)
        except SourceError as exc:
            refused = refused or exc
        except ParseError as exc:
            place = place or f", line {exc.errors[0]['line']}, column {exc.errors[0]['col']}"
        except TokenError:
            continue
        else:
            if isinstance(parsed, exp.Query) and parsed.selects:
                return parsed
    if refused is not None:
        raise refused
    raise SourceError(
        f"The source query ({where}{place}) cannot be read as a SELECT: look for a comma, a quote or a bracket that is "
        "missing there, or one too many."
    )
