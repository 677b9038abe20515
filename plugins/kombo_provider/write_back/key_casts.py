"""How the ledger's text keys become values of a key column, in Python and in SQL."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, Double, Enum, Float, Integer, Numeric, String, Text, Uuid, cast
from sqlalchemy.types import NullType, TypeEngine

_BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class KeyCast:
    """Text to a value of `listed_as`, and the column as something that compares with it.

    `of_text` raises ValueError or ArithmeticError for a text that no value of the column equals.
    """

    of_text: Callable[[str], Any]
    listed_as: TypeEngine[Any]
    compared: Callable[[Column[Any]], Any] = lambda column: column


def key_cast(dialect: str, column: Column[Any]) -> KeyCast:
    """Return the cast for a column: its own type where an index can serve, the column's text otherwise."""
    kind = column.type
    if dialect == "sqlite":
        return _of_sqlite(kind)
    if isinstance(kind, Integer):
        return KeyCast(_integer, BigInteger())
    if isinstance(kind, Float):
        return KeyCast(float, Double())
    if isinstance(kind, Numeric):
        return KeyCast(Decimal, Numeric())
    if isinstance(kind, Uuid):
        return KeyCast(uuid.UUID, Uuid())
    if isinstance(kind, String) and not isinstance(kind, Enum):
        return KeyCast(str, Text())
    return KeyCast(str, Text(), _text_of)


def _of_sqlite(kind: TypeEngine[Any]) -> KeyCast:
    """Leave the cast to SQLite: a listed column of the same type converts a text as the table's own column does."""
    return KeyCast(str, Text(), _text_of) if isinstance(kind, NullType) else KeyCast(str, kind)


def _text_of(column: Column[Any]) -> Any:
    return cast(column, Text)


def _integer(text: str) -> int:
    value = int(text)
    if abs(value) > _BIGGEST:
        raise ValueError
    return value
