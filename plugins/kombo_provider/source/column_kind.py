"""What kind of column a driver describes, as far as a window in SQL needs to know."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Any, Final

from sqlalchemy import Dialect


class ColumnKind(Enum):
    """An instant with or without a time zone, a text, or something that no window is compared with."""

    AWARE = "aware"
    NAIVE = "naive"
    TEXT = "text"
    OTHER = "other"


_OIDS: Final = {
    1184: ColumnKind.AWARE,
    1114: ColumnKind.NAIVE,
    1082: ColumnKind.NAIVE,
    25: ColumnKind.TEXT,
    1042: ColumnKind.TEXT,
    1043: ColumnKind.TEXT,
}
_OF_MYSQL: Final = {
    7: ColumnKind.NAIVE,  # TIMESTAMP, in the time zone of the session
    10: ColumnKind.NAIVE,
    12: ColumnKind.NAIVE,
    **dict.fromkeys((15, 249, 250, 251, 252, 253, 254), ColumnKind.TEXT),
}
_OF_SNOWFLAKE: Final = {
    2: ColumnKind.TEXT,
    3: ColumnKind.NAIVE,
    6: ColumnKind.AWARE,
    7: ColumnKind.AWARE,
    8: ColumnKind.NAIVE,
}
_WITH_OIDS: Final = ("postgresql", "redshift", "cockroachdb")
_WITH_NUMBERS_OF_MYSQL: Final = ("mysql", "mariadb")


def column_kind(dialect: Dialect, type_code: Any) -> ColumnKind:
    """Return the kind for what stands second in a cursor's description."""
    if dialect.name in _WITH_OIDS:
        return _OIDS.get(type_code, ColumnKind.OTHER)
    if dialect.name in _WITH_NUMBERS_OF_MYSQL:
        return _OF_MYSQL.get(type_code, ColumnKind.OTHER)
    if dialect.name == "snowflake":
        return _OF_SNOWFLAKE.get(type_code, ColumnKind.OTHER)
    if isinstance(type_code, type):  # ODBC: a class of Python's
        return ColumnKind.NAIVE if issubclass(type_code, date) else ColumnKind.OTHER
    if _is_one_of_the_drivers_instants(dialect, type_code):
        return ColumnKind.NAIVE
    return _named(dialect.name, str(type_code).upper())


def _is_one_of_the_drivers_instants(dialect: Dialect, type_code: Any) -> bool:
    """PEP 249: the code equals an object of the driver's module. A TIME does too with some, so a name goes first."""
    if isinstance(type_code, str):
        return False
    instants = [getattr(dialect.loaded_dbapi, name, None) for name in ("DATETIME", "TIMESTAMP", "DATE")]
    return any(one is not None and one == type_code for one in instants)


def _named(dialect: str, name: str) -> ColumnKind:
    """Read the type's name, as BigQuery, Databricks, DuckDB and Trino give it."""
    if name.startswith("TIMESTAMP"):
        # BigQuery's TIMESTAMP always has a time zone, and compares with no other instant.
        aware = "TIME ZONE" in name or dialect == "bigquery"
        return ColumnKind.AWARE if aware else ColumnKind.NAIVE
    if name in ("DATE", "DATETIME"):
        return ColumnKind.NAIVE
    return ColumnKind.TEXT if name.startswith(("VARCHAR", "STRING")) else ColumnKind.OTHER
