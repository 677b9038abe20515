"""The tables that a SELECT reads, and which of their columns, read off its text: no database is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sqlglot.expressions import Table
    from sqlglot.optimizer.scope import Scope

_DIALECTS = {"postgresql": "postgres", "mariadb": "mysql", "mssql": "tsql"}


class ReadTable(NamedTuple):
    """A table by its name's parts (`("crm", "applicants")`), and the columns that are surely read from it."""

    parts: tuple[str, ...]
    columns: tuple[str, ...]


def read_tables(sql: str, dialect: str) -> list[ReadTable]:
    """Return the tables, sorted; none where the text cannot be read. `dialect` is SQLAlchemy's name.

    What a WITH names is no table. Names are spelled as the database keeps them: PostgreSQL folds those without quotes.
    """
    from sqlglot import exp, parse_one
    from sqlglot.dialects import Dialect
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
    from sqlglot.optimizer.scope import traverse_scope

    name = _DIALECTS.get(dialect, dialect)
    rules = name if name in Dialect.classes else None
    found: dict[tuple[str, ...], set[str]] = {}
    try:
        query = parse_one(sql, dialect=rules)
        if not isinstance(query, exp.Query):
            return []
        for scope in traverse_scope(normalize_identifiers(query, dialect=rules)):
            _add(scope, found)
    except (SqlglotError, RecursionError):
        return []  # lineage is told where it is known; the database says what is wrong with the SELECT
    return [ReadTable(parts, tuple(sorted(columns))) for parts, columns in sorted(found.items())]


def _add(scope: Scope, found: dict[tuple[str, ...], set[str]]) -> None:
    from sqlglot import exp

    tables = {alias: source for alias, source in scope.sources.items() if isinstance(source, exp.Table)}
    for alias, table in tables.items():
        parts = _parts(table)
        if parts:
            found.setdefault(parts, set()).update(_columns_of(scope, alias))


def _columns_of(scope: Scope, alias: str) -> set[str]:
    """Return the columns that are named with the table's alias, or without one where there is no other table."""
    alone = len(scope.selected_sources) == 1 and alias in scope.selected_sources
    names = {alias, ""} if alone else {alias}
    return {
        column.name
        for column in scope.columns
        if column.table in names and (column.table or column.parent_select is scope.expression)
    }


def _parts(table: Table) -> tuple[str, ...]:
    """Return the parts of a table's name; none for a function that returns rows."""
    from sqlglot import exp

    parts = table.parts
    if not all(isinstance(part, exp.Identifier) for part in parts):
        return ()
    return tuple(part.name for part in parts)
