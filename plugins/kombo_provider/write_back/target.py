"""The user's table that receives the ids: found, checked, and made ready with an ALTER to paste."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, DateTime, MetaData, Table, false, inspect, update
from sqlalchemy.exc import NoSuchTableError

from kombo_provider.errors import WriteBackError

ID_COLUMNS = (
    "kombo_application_id",
    "kombo_application_remote_id",
    "kombo_candidate_id",
    "kombo_candidate_remote_id",
)
DELIVERED_AT = "kombo_delivered_at"
WRITTEN_COLUMNS = (*ID_COLUMNS, DELIVERED_AT)

_NAME = re.compile(r'"(?:[^"]|"")+"|[^."]+')


def find_target(conn: Connection, name: str, key: Mapping[str, str]) -> Table:
    """Return the table, as the database describes it.

    Raises WriteBackError for a missing table or column, with the ALTER to paste.
    """
    table = _reflect(conn, name)
    lost = [column for column in key.values() if column not in table.c]
    if lost:
        known = ", ".join(column.name for column in table.columns if column.name not in WRITTEN_COLUMNS)
        raise WriteBackError(f"{name} has no column {', '.join(lost)}: write_back_key must name one of {known}.")
    missing = [column for column in WRITTEN_COLUMNS if column not in table.c]
    if missing:
        raise WriteBackError(
            f"{name} has no column {', '.join(missing)}. Run this once, then run again:\n{_alter(conn, table, missing)}"
        )
    return table


def try_update(conn: Connection, table: Table) -> None:
    """Have the database check that it would let us write: an update of no row, to be rolled back."""
    unchanged = {name: table.c[name] for name in WRITTEN_COLUMNS}
    conn.execute(update(table).where(false()).values(unchanged))


def _reflect(conn: Connection, name: str) -> Table:
    """Look the name up as it is written, then as SQL reads what is not quoted: in lower case."""
    parts = _NAME.findall(name)
    exact = [part[1:-1].replace('""', '"') if part.startswith('"') else part for part in parts]
    folded = [part if quoted.startswith('"') else part.lower() for part, quoted in zip(exact, parts, strict=True)]
    for *schema, bare in (exact, folded):
        if schema and not inspect(conn).has_schema(".".join(schema)):
            continue
        try:
            return Table(bare, MetaData(), schema=".".join(schema) or None, autoload_with=conn, resolve_fks=False)
        except NoSuchTableError:
            continue
    raise WriteBackError(
        f"There is no table {name} to write ids back into. Name an existing one in write_back_table, "
        "or pass write_back_table=None to keep the ids in the ledger only."
    )


def _alter(conn: Connection, table: Table, missing: Sequence[str]) -> str:
    preparer = conn.dialect.identifier_preparer
    instant: Any = DateTime(timezone=True).compile(dialect=conn.dialect)
    types = {name: instant if name == DELIVERED_AT else "TEXT" for name in missing}
    quoted = preparer.format_table(table)
    return "\n".join(f"ALTER TABLE {quoted} ADD COLUMN {preparer.quote(name)} {kind};" for name, kind in types.items())
