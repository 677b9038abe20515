"""The names of the SELECT's columns, as the user wrote them."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy.engine import CursorResult

from kombo_provider.errors import SourceError

_POSTGRESQL_BYTES: Final = 63
"""PostgreSQL cuts longer names, and says so only in a notice."""


def column_names(result: CursorResult[Any], select: str, where: str) -> list[str]:
    """Return the names of a result's columns; raises SourceError where PostgreSQL cut one that `select` gives."""
    names = [str(name) for name in result.keys()]  # noqa: SIM118 - a result, no dict
    if result.dialect.name == "sqlite":
        folded = {name.lower() for name in names}
        return [_as_written(name, folded) for name in names]
    if result.dialect.name == "postgresql":
        _refuse_cut(names, select, where)
    return names


def _as_written(name: str, folded: set[str]) -> str:
    """SQLite calls the second `x` of a subquery `x:1`, whatever its case."""
    first = re.sub(r":\d+$", "", name)
    return first if first.lower() in folded else name


def _refuse_cut(names: list[str], select: str, where: str) -> None:
    full = {name for name in names if len(name.encode()) >= _POSTGRESQL_BYTES - 3}  # a character is not cut in two
    if not full:
        return
    # Hardly any SELECT has such a name, and the tokenizer takes a tenth of a second to load.
    from sqlglot.dialects import Postgres

    for token in Postgres().tokenize(select):
        written = token.text
        cut = written.encode()[:_POSTGRESQL_BYTES].decode(errors="ignore")
        if cut != written and (cut in full or cut.lower() in full):
            raise SourceError(
                f"The source query ({where}) has an alias of {len(written.encode())} bytes in line {token.line}, "
                f"{written}: PostgreSQL cuts names after {_POSTGRESQL_BYTES}. Select the object that this field is "
                "part of whole, as JSON, with the shorter alias of the object."
            )
