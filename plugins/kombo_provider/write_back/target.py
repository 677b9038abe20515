"""The user's table that receives the ids: found, checked, and made ready with an ALTER to paste."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Computed,
    Connection,
    Date,
    DateTime,
    Enum,
    MetaData,
    String,
    Table,
    Text,
    cast,
    inspect,
    literal,
    select,
)
from sqlalchemy.exc import DBAPIError, NoSuchTableError
from sqlalchemy.types import NullType, TypeEngine

from kombo_provider.errors import WriteBackError
from kombo_provider.ledger.delivered_ids import DeliveredIds
from kombo_provider.ledger.kombo_ids import ID_COLUMNS
from kombo_provider.write_back.duckdb_table import duckdb_table

DELIVERED_AT = "kombo_delivered_at"
WRITTEN_COLUMNS = (*ID_COLUMNS, DELIVERED_AT)

_LONGEST_ID = 36
"""Characters: Kombo's ids have 24 or so, those of an ATS are often UUIDs."""

_NAME = re.compile(r'"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^."`]+')


_QUOTES = '"`'
_WITHOUT_CATALOGUES = ("postgresql", "sqlite", "mysql", "mariadb")


def find_target(conn: Connection, name: str, key: Mapping[str, str]) -> Table:
    """Return the table, as the database describes it.

    Raises WriteBackError for a missing table or column, with the ALTER to paste, and for a column of a wrong type.
    """
    table = _reflect(conn, name, (*key.values(), *WRITTEN_COLUMNS))
    cut = [name for name in ID_COLUMNS if name in table.c and _cuts(conn, table.c[name].type)]
    for column in table.columns:
        column.type = _known(_below_domains(column.type))
    lost = [column for column in key.values() if column not in table.c]
    if lost:
        known = ", ".join(column.name for column in table.columns if column.key not in WRITTEN_COLUMNS)
        raise WriteBackError(f"{name} has no column {', '.join(lost)}: write_back_key must name one of {known}.")
    missing = [column for column in WRITTEN_COLUMNS if column not in table.c]
    if missing:
        raise WriteBackError(
            f"{name} has no column {', '.join(missing)}. Run this once, then run again:\n{_alter(conn, table, missing)}"
        )
    _check_types(conn, name, table, cut)
    return table


def _cuts(conn: Connection, kind: TypeEngine[Any]) -> bool:
    """Tell whether a domain, whose length nothing describes, cuts an id."""
    if not hasattr(kind, "data_type"):
        return False
    left = select(cast(literal("x" * _LONGEST_ID, Text()), kind).cast(Text()))
    try:
        with conn.begin_nested():
            return len(conn.scalar(left) or "") < _LONGEST_ID
    except DBAPIError:
        return False  # it checks more than the length: what it takes only the UPDATE shows


def _below_domains(kind: Any) -> TypeEngine[Any]:
    """Return of a domain the type that it is made of, of other types themselves."""
    while hasattr(kind, "data_type"):
        kind = kind.data_type
    return kind  # type: ignore[no-any-return]


def _known(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return SQLAlchemy's own type for an instant of a dialect that derives its types from nothing.

    Snowflake and Databricks do; what is not called NTZ there has a time zone, the session's if no other.
    """
    name = type(kind).__name__
    if isinstance(kind, DateTime) or not name.startswith("TIMESTAMP"):
        return kind
    return DateTime(timezone=not name.endswith("NTZ"))


def _check_types(conn: Connection, name: str, table: Table, cut: Sequence[str]) -> None:
    """Refuse columns that would change, cut or refuse the ids; a type that is not known is left to the UPDATE."""
    wrong = [_described(conn, table.c[column], "text") for column in ID_COLUMNS if not _takes_ids(table.c[column])]
    wrong += [f"{column} is of a domain that cuts texts and must be text" for column in cut]
    wrong += [f"{name} is a generated column" for name in WRITTEN_COLUMNS if table.c[name].computed is not None]
    if not _takes_instants(conn, table.c[DELIVERED_AT]):
        wrong.append(_described(conn, table.c[DELIVERED_AT], "a timestamp"))
    if wrong:
        raise WriteBackError(f"{name} cannot take the ids: {', '.join(wrong)}. Change the type, then run again.")


def _described(conn: Connection, column: Column[Any], wanted: str) -> str:
    return f"{column.name} is {column.type.compile(dialect=conn.dialect)} and must be {wanted}"


def _takes_ids(column: Column[Any]) -> bool:
    kind = column.type
    if isinstance(kind, NullType):
        return True
    if not isinstance(kind, String) or isinstance(kind, Enum):
        return False
    return kind.length is None or kind.length >= _LONGEST_ID


def _takes_instants(conn: Connection, column: Column[Any]) -> bool:
    kind = column.type
    if isinstance(kind, String) and not isinstance(kind, Enum):
        return kind.length is None or kind.length >= len("YYYY-MM-DDTHH:MM:SSZ")
    if conn.dialect.name == "sqlite" and type(kind).__name__ == "NUMERIC":
        return True  # what SQLite makes of a type that it does not know, such as TIMESTAMPTZ
    return isinstance(kind, DateTime | Date | NullType)


def written(table: Table, delivered: DeliveredIds) -> tuple[Any, ...]:
    """Return what a delivery's row gets, in the order of WRITTEN_COLUMNS; None where the row keeps what it has."""
    return *delivered.ids, _instant(table.c[DELIVERED_AT], delivered.delivered_at)


def written_types(table: Table) -> dict[str, TypeEngine[Any]]:
    """Return in which types these values are listed, for the same columns."""
    return dict.fromkeys(ID_COLUMNS, Text()) | {DELIVERED_AT: _instant_type(table.c[DELIVERED_AT])}


def _instant(column: Column[Any], at: datetime | None) -> Any:
    """Return an instant as the column takes it: naive ones are in UTC, text is ISO 8601."""
    if at is None:
        return None
    in_utc, kind = at.astimezone(UTC), column.type
    if isinstance(kind, DateTime):
        return in_utc if kind.timezone else in_utc.replace(tzinfo=None)
    if isinstance(kind, Date):
        return in_utc.date()
    return in_utc.strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant_type(column: Column[Any]) -> TypeEngine[Any]:
    kind = column.type
    if isinstance(kind, DateTime):
        return DateTime(timezone=kind.timezone)
    return Date() if isinstance(kind, Date) else Text()


def grant(conn: Connection, table: Table, key: Mapping[str, str]) -> str:
    """Return the GRANT that lets the connection's user write the ids, to be pasted."""
    preparer = conn.dialect.identifier_preparer
    user, target = preparer.quote(conn.engine.url.username or "…"), preparer.format_table(table)
    written = ", ".join(preparer.quote(table.c[name].name) for name in WRITTEN_COLUMNS)
    read = ", ".join(preparer.quote(table.c[name].name) for name in (*key.values(), *WRITTEN_COLUMNS))
    rights = f"GRANT SELECT ({read}), UPDATE ({written}) ON {target} TO {user};"
    if table.schema is None or conn.dialect.name != "postgresql":
        return rights
    return f"GRANT USAGE ON SCHEMA {preparer.quote(table.schema)} TO {user};\n{rights}"


def _reflect(conn: Connection, name: str, wanted: Sequence[str]) -> Table:
    """Look the name up as it is written, then as SQL reads what is not quoted: in lower case.

    Columns are looked up likewise: those `wanted` whose names differ in case alone have the wanted one as their key.
    """
    parts = _NAME.findall(name)
    as_written = [_unquoted(part) for part in parts]
    as_read = [_unquoted(part) if part[0] in _QUOTES else part.lower() for part in parts]
    for *schema, bare in (as_written, as_read):
        with suppress(NoSuchTableError):
            return _keyed(_described_by(conn, bare, schema), wanted)
    raise WriteBackError(
        f"There is no table {name} to write ids back into. Name an existing one in write_back_table, "
        "or pass write_back_table=None to keep the ids in the ledger only."
    )


def _unquoted(part: str) -> str:
    quote = part[0]
    if quote not in _QUOTES:
        return part
    return part[1:-1].replace(quote * 2, quote)


def _keyed(table: Table, wanted: Sequence[str]) -> Table:
    alike: dict[str, list[str]] = {}
    for column in table.columns:
        alike.setdefault(column.name.lower(), []).append(column.name)
    keys = {
        found[0]: name
        for name in wanted
        if name not in table.c and len(found := alike.get(name.lower(), [])) == 1  # two: nothing tells which is meant
    }
    if not keys:
        return table
    columns = [
        Column(one.name, one.type, *([Computed("")] if one.computed else ()), key=keys.get(one.name, one.name))
        for one in table.columns
    ]
    return Table(table.name, MetaData(), *columns, schema=table.schema)


def _described_by(conn: Connection, name: str, schema: Sequence[str]) -> Table:
    if conn.dialect.name == "duckdb":
        return duckdb_table(conn, name, schema)
    # Elsewhere it may have two parts, a project and a data set, for which no dialect can be asked.
    if schema and conn.dialect.name in _WITHOUT_CATALOGUES and not inspect(conn).has_schema(".".join(schema)):
        raise NoSuchTableError(name)
    in_schema = ".".join(schema) or None
    # No more than this is needed, and a look at keys, indexes and checks takes as long as the write-back of many rows.
    found = inspect(conn).get_columns(name, in_schema)
    if not found:  # Snowflake's dialect says nothing else of a table that is not there
        raise NoSuchTableError(name)
    columns = [Column(one["name"], one["type"], *([Computed("")] if "computed" in one else ())) for one in found]
    return Table(name, MetaData(), *columns, schema=in_schema)


def _alter(conn: Connection, table: Table, missing: Sequence[str]) -> str:
    dialect, preparer = conn.dialect, conn.dialect.identifier_preparer
    # Neither joins or sorts by a text without a length.
    of_old = dialect.name in ("mssql", "oracle")
    text: Any = (String(255) if of_old else Text()).compile(dialect=dialect)
    instant: Any = DateTime(timezone=True).compile(dialect=dialect)
    types = {name: instant if name == DELIVERED_AT else text for name in missing}
    add = f"ALTER TABLE {preparer.format_table(table)} ADD{'' if of_old else ' COLUMN'}"
    return "\n".join(f"{add} {preparer.quote(name)} {kind};" for name, kind in types.items())
