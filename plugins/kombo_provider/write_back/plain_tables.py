"""Whether a table is what it seems: a key has one row at most, and an UPDATE changes what it says."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table, bindparam, text

_ON_POSTGRESQL = text("""
SELECT EXISTS (
  SELECT FROM pg_class AS t
  WHERE t.oid = to_regclass(:name) AND t.relkind = 'r' AND NOT t.relhasrules AND NOT t.relhassubclass
    AND NOT EXISTS (
      SELECT FROM pg_trigger AS g WHERE g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgtype & 2 = 0
    )
    AND NOT EXISTS (
      SELECT FROM pg_attribute AS a JOIN pg_collation AS c ON c.oid = a.attcollation
      WHERE a.attrelid = t.oid AND a.attname = ANY(:keys) AND NOT c.collisdeterministic
    )
    AND EXISTS (
      SELECT FROM pg_index AS i
      WHERE i.indrelid = t.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
        AND i.indpred IS NULL AND i.indexprs IS NULL
        AND NOT EXISTS (
          SELECT FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS k (attnum)
          JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.attnum
          WHERE a.attname <> ALL(:keys)
        )
    )
)
""")
"""A table of its own: no view or rule, no table that inherits from it. Triggers before an UPDATE are as good as none,
what they make of a row is returned; one after it may change the row once more. A unique index on some of the key.
"""

_ON_SQLITE = text("""
SELECT NOT EXISTS (
    SELECT 1 FROM sqlite_master
    WHERE lower(tbl_name) = lower(:name) AND (type IN ('trigger', 'view') OR sql LIKE '%collate%')
  )
  AND (
    EXISTS (
      SELECT 1 FROM pragma_index_list(:name) AS i
      WHERE i."unique" AND NOT i.partial
        AND NOT EXISTS (
          SELECT 1 FROM pragma_index_info(i.name) AS k WHERE k.name IS NULL OR k.name NOT IN :keys
        )
    )
    OR (
      EXISTS (SELECT 1 FROM pragma_table_info(:name) WHERE pk > 0)
      AND NOT EXISTS (SELECT 1 FROM pragma_table_info(:name) WHERE pk > 0 AND name NOT IN :keys)
    )
  )
""").bindparams(bindparam("keys", expanding=True))
"""No trigger, no collation by which two texts are equal. An INTEGER PRIMARY KEY is unique without an index."""


def is_plain_and_unique(conn: Connection, table: Table, keys: Sequence[str]) -> bool:
    """Tell whether no two rows are alike in these columns, and an UPDATE changes what it says and nothing else."""
    if conn.dialect.name == "postgresql":
        name = conn.dialect.identifier_preparer.format_table(table)
        return bool(conn.scalar(_ON_POSTGRESQL, {"name": name, "keys": list(keys)}))
    if table.schema is not None:
        return False  # another file that is attached
    return bool(conn.scalar(_ON_SQLITE, {"name": table.name, "keys": list(keys)}))
