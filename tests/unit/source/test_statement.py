"""SELECTs as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from kombo_provider.errors import SourceError
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.statement import one_select, wrapped
from tests.unit.source.reading import read, run


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT 1 AS x", 1),
        ("  \n SELECT 1 AS x ;\n\n", 1),
        ("SELECT 1 AS x;;", 1),
        ("SELECT 1 AS x -- the end", 1),
        ("SELECT 1 AS x; -- the end; really", 1),
        ("SELECT 1 AS x /* the ; end */ ; /* open", 1),
        ("-- begin: here's\nSELECT /* a:b */ 1 AS x -- it's", 1),
        ("SELECT '100%' AS x", "100%"),
        ("SELECT '%s %(a)s %%' AS x", "%s %(a)s %%"),
        ("SELECT 7 % 4 AS x", 3),
        ("SELECT ':name :1 a:b' AS x", ":name :1 a:b"),
        ("SELECT '; -- no comment' AS x", "; -- no comment"),
        ("SELECT 'it''s; fine' AS x", "it's; fine"),
        ("WITH t AS (SELECT 2 AS x) SELECT x FROM t ORDER BY x LIMIT 1", 2),
        ("SELECT x FROM (SELECT 3 AS x) AS kombo_source", 3),
        ("SELECT 1 AS x UNION ALL SELECT 1 WHERE 1 = 0", 1),
    ],
)
def test_a_select_is_read_as_it_is_written(source: Engine, sql: str, value: Any) -> None:
    assert read(source, sql) == [{"x": value}]


@pytest.mark.parametrize("warehouse_kind", ["sqlite", "postgresql", "duckdb"])  # in MariaDB it is an escape
def test_a_backslash_is_read_as_it_is_written(source: Engine) -> None:
    assert read(source, r"SELECT '\:name' AS x") == [{"x": r"\:name"}]


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT '12'::int AS x", 12),
        ("SELECT ('{\"a:b\": \"c%\"}'::jsonb)->>'a:b' AS x", "c%"),
        ("SELECT (ARRAY[1,2,3])[2:3] AS x", [2, 3]),
        ("SELECT $$; -- it's :me$$ AS x", "; -- it's :me"),
        ("SELECT $q$a;$$b$q$ AS x;", "a;$$b"),
        (r"SELECT E'a\nb' AS x", "a\nb"),
        (r"SELECT E'it\'s; ok' AS x;", "it's; ok"),
        (r"SELECT 'C:\' AS x /* it's; */;", "C:\\"),
        ("SELECT /* a /* b; */ it's; */ 1 AS x;", 1),
        ("SELECT 5 # 3 AS x -- it's", 6),
        ("SELECT '{{1,2},{3,4}}'::int[] AS x", [[1, 2], [3, 4]]),
        ("SELECT '{\"a\":1}'::jsonb ? 'a' AS x", True),
    ],
)
def test_a_select_in_postgresqls_own_words(postgres: Engine, sql: str, value: Any) -> None:
    assert read(postgres, sql) == [{"x": value}]


@pytest.mark.parametrize(
    "sql", ["SELECT 1; SELECT 2", "DELETE FROM t; SELECT 1 AS x", "SELECT 1;\n-- and\nDROP TABLE t;"]
)
def test_more_than_one_statement_is_refused(source: Engine, sql: str) -> None:
    with pytest.raises(SourceError, match=r"test\.sql\) holds more than one statement"):
        read(source, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS x # a; b",
        r"SELECT 'it\'s; ok' AS x",
        'SELECT "a\\"; b" AS x',
        "SELECT `a;b` FROM t -- it's",
    ],
)
def test_mysqls_comments_and_quotes_are_read_by_its_rules(sql: str) -> None:
    assert one_select(f"{sql}\n; ", "test.sql", "mysql") in (sql, "SELECT 1 AS x", "SELECT `a;b` FROM t")


def test_a_dialect_that_nobody_knows_is_read_by_common_rules() -> None:
    assert one_select("SELECT 'it''s; ok' /* ; */ AS x;", "test.sql", "brand_new") == "SELECT 'it''s; ok' /* ; */ AS x"


def test_the_line_of_a_second_statement_and_of_a_quote_that_does_not_end_are_named() -> None:
    with pytest.raises(SourceError, match=r"test\.sql\) holds more than one statement: .* in line 3 with 'DELETE'"):
        one_select("\nSELECT 1;\nDELETE FROM t", "test.sql", "sqlite")
    with pytest.raises(SourceError, match=r"test\.sql\) cannot be read as a SELECT: the ' in line 2 is never closed"):
        one_select("SELECT 1,\n  'abc\nFROM t", "test.sql", "postgresql")


@pytest.mark.parametrize("sql", ["", " ;", "-- nothing\n/* here */;"])
def test_an_empty_statement_is_refused(sql: str) -> None:
    with pytest.raises(SourceError, match=r"\(test\.sql\) is empty"):
        SourceReader(create_engine("sqlite://"), sql, where="test.sql")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nobody", "nobody"),
        ("SELECT nothing FROM people", "nothing"),
        ("DELETE FROM people", "syntax error"),
        ("SELECT 1 AS x)", "syntax error"),
    ],
)
def test_a_bad_query_is_one_clear_error(source: Engine, sql: str, said: str) -> None:
    run(source, "CREATE TABLE people (id INTEGER)")
    with pytest.raises(
        SourceError, match=r"The source query \(test\.sql\) failed: \w+(Error|Exception| \(42)"
    ) as raised:
        read(source, sql)
    own_words = "error in your SQL syntax" if source.dialect.name == "mysql" and said == "syntax error" else said
    assert own_words in str(raised.value)


@pytest.mark.parametrize(
    ("select", "query"),
    [
        (
            "WITH a AS (SELECT 1 AS x), [b c] AS (SELECT (2) AS y)\nSELECT x FROM a",
            "WITH a AS (SELECT 1 AS x), [b c] AS (SELECT (2) AS y)\nSELECT * FROM (\nSELECT x FROM a\n) kombo_source",
        ),
        ("SELECT x FROM a", "SELECT * FROM (\nSELECT x FROM a\n) kombo_source"),
    ],
)
def test_what_with_names_stays_in_front_for_sql_server(select: str, query: str) -> None:
    assert wrapped(select, "mssql") == query


def test_names_that_need_quotes_are_read(source: Engine) -> None:
    table, *columns = map(source.dialect.identifier_preparer.quote, ("My People", "Person No", "Changed_At", "select"))
    number, changed_at, word = columns
    run(
        source,
        f"CREATE TABLE {table} ({number} INTEGER, {changed_at} TEXT, {word} TEXT)",
        f"INSERT INTO {table} VALUES (1, NULL, 's')",
    )
    assert read(source, f"SELECT * FROM {table}") == [{"Person No": 1, "Changed_At": None, "select": "s"}]


def test_a_schema_and_a_view_are_read(postgres: Engine) -> None:
    run(
        postgres,
        "CREATE SCHEMA crm",
        "CREATE TABLE crm.people AS SELECT 1 AS id",
        "CREATE VIEW crm.everybody AS SELECT id AS applicant_id FROM crm.people",
        "CREATE MATERIALIZED VIEW crm.many AS SELECT * FROM crm.everybody",
    )
    assert (
        read(postgres, "SELECT * FROM crm.everybody")
        == read(postgres, "SELECT * FROM crm.many")
        == [{"applicant_id": 1}]
    )


def test_nobody_there_is_one_clear_error() -> None:
    reader = SourceReader(create_engine("postgresql+psycopg://postgres@127.0.0.1:1/none"), "SELECT 1", where="test.sql")
    with pytest.raises(SourceError, match="OperationalError: connection failed"), reader.open():
        pass
