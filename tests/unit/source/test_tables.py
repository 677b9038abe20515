"""The tables that a SELECT reads are named with the columns that are surely theirs, whatever it is written in."""

from __future__ import annotations

import pytest

from kombo_provider.source.tables import read_tables

Found = dict[str, set[str]]


def _read(sql: str, dialect: str) -> Found:
    return {".".join(table.parts): set(table.columns) for table in read_tables(sql, dialect)}


@pytest.mark.parametrize(
    ("dialect", "sql", "tables"),
    [
        ("postgresql", "SELECT p.id, c.n FROM crm.People p JOIN \"C\" c USING (k)", {"crm.people": {"id"}, "C": {"n"}}),
        ("postgresql", "WITH q AS (SELECT id FROM people) SELECT id FROM q", {"people": {"id"}}),
        ("postgresql", "WITH people AS (SELECT id FROM crm.people) SELECT id FROM people", {"crm.people": {"id"}}),
        ("postgresql", "SELECT * FROM generate_series(1, 3) g, people", {"people": set()}),
        ("postgresql", "SELECT 1 AS x FROM people WHERE mail = 'zoe@example.com'", {"people": {"mail"}}),
        ("sqlite", "SELECT a FROM t WHERE x IN (SELECT y FROM u) UNION ALL SELECT b FROM v",
         {"t": {"a", "x"}, "u": {"y"}, "v": {"b"}}),
        ("sqlite", "SELECT (SELECT max(w.x) FROM w WHERE w.i = t.i) AS m FROM t", {"t": {"i"}, "w": {"i", "x"}}),
        ("mssql", "SELECT [a b] FROM [my db].dbo.t", {"my db.dbo.t": {"a b"}}),
        ("bigquery", "SELECT a FROM `p.d.t`", {"p.d.t": {"a"}}),
        ("snowflake", "SELECT a FROM db.s.t", {"DB.S.T": {"A"}}),
    ],
)  # fmt: skip
def test_tables_are_named_as_the_database_keeps_them(dialect: str, sql: str, tables: Found) -> None:
    assert _read(sql, dialect) == tables


@pytest.mark.parametrize(
    "sql",
    ["", "SELECT a FROM", "DELETE FROM x", "VALUES (1)", "SELECT 'a FROM t", "SELECT a FROM t; SELECT b FROM u",
     "hello", "SELECT " + "(" * 3000 + "1" + ")" * 3000 + " FROM t"],
    ids=range(8),
)  # fmt: skip
@pytest.mark.parametrize("dialect", ["", "no_such_dialect", "postgresql"])
def test_what_cannot_be_read_gives_no_table_and_no_error(sql: str, dialect: str) -> None:
    assert read_tables(sql, dialect) == []
