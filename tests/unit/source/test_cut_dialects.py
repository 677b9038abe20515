"""Each statement that reads the source is grammatical in warehouses that no test runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Dialect

from kombo_provider.source.cut import cut
from kombo_provider.source.statement import one_select, wrapped
from kombo_provider.source.window import Window
from tests.dialects import assert_grammatical

WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
INSTANT = {
    "bigquery": "TIMESTAMP",
    "databricks": "timestamp",
    "mssql": datetime,
    "oracle": datetime,
    "redshift": 1184,
    "snowflake": 7,
    "trino": "timestamp(3) with time zone",
}
"""What each driver says of a column of instants."""
SELECTS = (
    "SELECT id AS applicant_id, changed_at FROM crm.people",
    "WITH p AS (SELECT id, changed_at FROM crm.people) SELECT id AS applicant_id, changed_at FROM p",
    (
        ";WITH p AS (SELECT id, changed_at FROM crm.people) SELECT id AS applicant_id, changed_at FROM p "
        "UNION ALL SELECT id, changed_at FROM p;"
    ),
)


@pytest.mark.parametrize("select", SELECTS)
def test_every_statement_that_reads_is_one_of_the_dialect(dialect: Dialect, select: str) -> None:
    sql = wrapped(one_select(select, "test.sql", dialect.name), dialect.name)
    column = dialect.identifier_preparer.quote("changed_at")
    for found in (f"{sql} WHERE 1 = 0", _windowed(sql, column, dialect)):
        assert_grammatical(str(text(found).compile(dialect=dialect)), dialect)


def _windowed(sql: str, column: str, dialect: Dialect) -> str:
    said: Any = INSTANT[dialect.name]
    found, parameters = cut(sql, column, dialect, said, WINDOW)
    assert set(parameters) == {"kombo_lower", "kombo_upper"}, "a big table is read for a small window"
    return found


def test_what_a_with_of_sql_server_names_stays_in_front_of_the_parentheses() -> None:
    sql = wrapped(one_select(SELECTS[2], "test.sql", "mssql"), "mssql")
    before, _, inside = sql.partition("SELECT * FROM (")
    assert before.lstrip().startswith("WITH p AS")
    assert "WITH" not in inside
