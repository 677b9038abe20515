"""Only a table in which a key has one row, and an UPDATE changes what it says, is written in sets."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, MetaData, Table

from kombo_provider.write_back.plain_tables import is_plain_and_unique
from tests.unit.write_back.write_back_target import run


def _plain(engine: Engine, *keys: str) -> bool:
    table = Table("people", MetaData())
    with engine.connect() as conn:
        return is_plain_and_unique(conn, table, keys)


@pytest.mark.parametrize("warehouse_kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("made", "keys", "plain"),
    [
        (("CREATE TABLE people (id TEXT, ats TEXT)",), ("id",), False),
        (("CREATE TABLE people (id TEXT PRIMARY KEY, ats TEXT)",), ("id",), True),
        (("CREATE TABLE people (id TEXT UNIQUE, ats TEXT)",), ("id", "ats"), True),
        (("CREATE TABLE people (id TEXT, ats TEXT, UNIQUE (ats, id))",), ("id",), False),
        (("CREATE TABLE people (id TEXT, ats TEXT, UNIQUE (ats, id))",), ("id", "ats"), True),
        (("CREATE TABLE people (id TEXT)", "CREATE UNIQUE INDEX u ON people (lower(id))"), ("id",), False),
        (("CREATE TABLE people (id TEXT)", "CREATE UNIQUE INDEX u ON people (id) WHERE id > 'b'"), ("id",), False),
        (("CREATE TABLE made (id TEXT PRIMARY KEY)", "CREATE VIEW people AS SELECT * FROM made"), ("id",), False),
    ],
)
def test_a_table_is_plain_where_an_index_on_some_of_the_key_is_unique(
    warehouse: Engine, made: tuple[str, ...], keys: tuple[str, ...], plain: bool
) -> None:
    run(warehouse, *made)
    assert _plain(warehouse, *keys) is plain
