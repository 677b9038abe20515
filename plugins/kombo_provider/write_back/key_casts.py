"""How the ledger's text keys become values of a key column, and when a value is printed as the text says.

Finding a row may convert, so that an index can serve and two spellings of one value are noticed. Writing does not: the
row that was found must print its key as the ledger has it, else the ids of `4711_12` would land in the row of 471112.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    CHAR,
    BigInteger,
    Column,
    ColumnElement,
    Double,
    Enum,
    Float,
    Integer,
    Numeric,
    String,
    Text,
    Uuid,
    case,
    cast,
)
from sqlalchemy.types import NullType, TypeEngine

_BIGGEST = 2**63 - 1
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
_ZERO_FRACTION = re.compile(r"\.0+$")

_PRINTED_INTEGER = "^(0|-?[1-9][0-9]{0,17})$"
_PRINTED_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
"""For PostgreSQL; of one digit less than the longest, so that each is a value of BIGINT."""

InSql = Callable[[ColumnElement[Any]], ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class KeyCast:
    """Text to a value of `listed_as`, and the column as something that compares with it.

    `of_text` raises ValueError or ArithmeticError for a text that no value of the column equals. `canonical` brings
    what the type prints, and a key, into the one form in which they are compared. `in_sql` does in the database what
    `of_text` does, with NULL for a text that the column would print in another way; None where only a look at each row
    can tell.
    """

    of_text: Callable[[str], Any]
    listed_as: TypeEngine[Any]
    compared: Callable[[Column[Any]], Any] = lambda column: column
    canonical: Callable[[str], str] = str
    in_sql: InSql | None = None

    def prints(self, printed: str | None, key: str) -> bool:
        """Tell whether a value that prints so is the one that the key names."""
        return printed is not None and self.canonical(printed) == self.canonical(key)


def key_cast(dialect: str, column: Column[Any]) -> KeyCast:
    """Return the cast for a column: its own type where an index can serve, the column's text otherwise."""
    kind = column.type
    if dialect == "sqlite":
        return _of_sqlite(kind)
    if isinstance(kind, Integer):
        return KeyCast(_integer, BigInteger(), in_sql=_printed(_PRINTED_INTEGER, BigInteger()))
    if isinstance(kind, Float):
        return KeyCast(_float, Double(), canonical=_without_zero_fraction)
    if isinstance(kind, Numeric):
        # DuckDB's NUMERIC has three decimals, and refuses what is too big for it.
        listed_as = Numeric(38, kind.scale) if dialect == "duckdb" else Numeric()
        return KeyCast(_decimal, listed_as, canonical=_without_zero_fraction)
    if isinstance(kind, Uuid):
        return KeyCast(uuid.UUID, Uuid(), canonical=str.lower, in_sql=_printed(_PRINTED_UUID, Uuid()))
    if isinstance(kind, String) and not isinstance(kind, Enum):
        text_type = _text_type(kind)
        # CHAR pads, and a type of its own compares by its own rules.
        is_plain = isinstance(text_type, Text) and not isinstance(kind, CHAR)
        return KeyCast(str, text_type, canonical=_unpadded, in_sql=_as_it_is if is_plain else None)
    return KeyCast(str, Text(), _text_of)


def _of_sqlite(kind: TypeEngine[Any]) -> KeyCast:
    """Leave the cast to SQLite: a listed column of the same type converts a text as the table's own column does."""
    if isinstance(kind, NullType):
        return KeyCast(str, Text(), _text_of)
    numeric = isinstance(kind, Numeric | Float)
    canonical = _without_zero_fraction if numeric else _unpadded
    in_sql: InSql | None = None
    if isinstance(kind, Integer):
        in_sql = _printed_by_sqlite
    elif isinstance(kind, String) and not isinstance(kind, Enum):
        in_sql = _as_it_is
    return KeyCast(str, kind, canonical=canonical, in_sql=in_sql)


def _as_it_is(text: ColumnElement[Any]) -> ColumnElement[Any]:
    return text


def _printed(pattern: str, kind: TypeEngine[Any]) -> InSql:
    """Cast what matches: a cast alone would fail at the first text that is no value, and take several for one."""
    return lambda text: case((text.regexp_match(pattern), cast(text, kind)))


def _printed_by_sqlite(text: ColumnElement[Any]) -> ColumnElement[Any]:
    number = cast(text, Integer)  # of any text
    return case((cast(number, Text) == text, number))


def _text_type(kind: String) -> TypeEngine[Any]:
    """Compare by the column's own rules: as text, a case-insensitive column would tell apart what it takes for one."""
    return kind if type(kind).__name__ == "CITEXT" else Text()


def _text_of(column: Column[Any]) -> Any:
    return cast(column, Text)


def _unpadded(text: str) -> str:
    return text.rstrip(" ")


def _without_zero_fraction(text: str) -> str:
    return _ZERO_FRACTION.sub("", text)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or abs(int(text)) > _BIGGEST:
        raise ValueError
    return int(text)


def _float(text: str) -> float:
    return float(_decimal(text))


def _decimal(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return Decimal(text)
