"""A plain SELECT needs no tokenizer, and reads as the tokenizer reads it."""

from __future__ import annotations

import pytest

from kombo_provider.source.statement import one_select
from kombo_provider.source.tokens import without_what_follows
from tests.conftest import ROOT

DIALECTS = ("sqlite", "postgresql", "mysql", "mssql", "snowflake", "bigquery", "brand_new")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS x",
        "  \n SELECT 1 AS x ;\n\n",
        "SELECT 1 AS x -- the end",
        "SELECT 1 AS x -- the end;",
        "SELECT 1 AS x -- the end\n;",
        "-- begin: here's\nSELECT 1 -- it's a; b\n, 2 AS x",
        "SELECT /* a; b */ 1 AS x /* the end */",
        "SELECT 'a -- b' || ':' || \"c d\" AS x;",
        "SELECT a - -1, b / 2, c % 3, d::date FROM t",
        "SELECT '; -- no comment' AS x",
        "SELECT 'it''s' AS x",
        (ROOT / "include" / "sql" / "extract_applicants.sql").read_text(),
    ],
)
def test_a_select_reads_alike_with_and_without_the_tokenizer(sql: str, dialect: str) -> None:
    assert one_select(sql, "test.sql", dialect) == without_what_follows(sql, "test.sql", dialect)
