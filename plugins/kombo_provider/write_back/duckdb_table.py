"""A table of DuckDB as its own information schema describes it.

duckdb_engine asks PostgreSQL's catalogue, of which DuckDB has a part. Ends with the duckdb_engine that can reflect a
table under SQLAlchemy 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Time,
    Uuid,
    text,
)
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import NullType, TypeEngine

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_TYPES: dict[str, TypeEngine[Any]] = {
    **{f"{unsigned}{name}": Integer() for name in _INTEGERS for unsigned in ("", "U")},
    "FLOAT": Float(),
    "DOUBLE": Float(),
    "VARCHAR": Text(),
    "UUID": Uuid(),
    "DATE": Date(),
    "TIME": Time(),
    "BOOLEAN": Boolean(),
    "BLOB": LargeBinary(),
    "TIMESTAMP WITH TIME ZONE": DateTime(timezone=True),
    **{f"TIMESTAMP{unit}": DateTime() for unit in ("", "_S", "_MS", "_NS")},
}

_COLUMNS = text("""
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE lower(table_name) = lower(:name) AND lower(table_schema) = lower(coalesce(:schema, current_schema()))
  AND lower(table_catalog) = lower(coalesce(:catalogue, current_database()))
ORDER BY ordinal_position
""")


def duckdb_table(conn: Connection, name: str, schema: Sequence[str]) -> Table:
    """Return the table of this name, which DuckDB finds in any case; raises NoSuchTableError where there is none.

    `schema` holds nothing, a schema, or a catalogue and a schema.
    """
    catalogue, inner = (None, None, *schema)[-2:]
    found = conn.execute(_COLUMNS, {"name": name, "schema": inner, "catalogue": catalogue}).all()
    if not found:
        raise NoSuchTableError(name)
    columns = [Column(column, _type(kind)) for _, column, kind in found]
    return Table(found[0].table_name, MetaData(), *columns, schema=".".join(schema) or None)


def _type(kind: str) -> TypeEngine[Any]:
    name, _, rest = kind.partition("(")
    if name == "DECIMAL":
        precision, scale = rest.rstrip(")").split(",")
        return Numeric(int(precision), int(scale))
    return _TYPES.get(name, NullType())
