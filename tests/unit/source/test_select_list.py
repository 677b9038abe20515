"""The columns of a SELECT are read off its text, in whatever dialect it is written."""

from __future__ import annotations

import pytest

from kombo_provider.errors import SourceError
from kombo_provider.source.select_list import selected_columns


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT a.id AS applicant_id, b.x y, source FROM t", ["applicant_id", "y", "source"]),
        ("-- who\nWITH q AS (SELECT 1 AS a) SELECT a, a::text AS b FROM q UNION ALL SELECT 1, 2;", ["a", "b"]),
        ('(SELECT "Applicant_ID" FROM t)', ["Applicant_ID"]),
        ("SELECT id || ':' || job AS k, CASE WHEN a THEN 'x, y' END AS c FROM t", ["k", "c"]),
        ("SELECT jsonb_build_array(jsonb_build_object('url', a.u)) AS l FROM t a", ["l"]),
        ("SELECT ARRAY_AGG(STRUCT(x AS url)) AS l FROM `p.d.t`", ["l"]),
        ("SELECT [a b] AS [c] FROM t", ["c"]),
        ("SELECT v:name::string AS n FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY d) = 1", ["n"]),
        ("SELECT * FROM t", None),
        ("SELECT a, t.* FROM t", None),
    ],
)
def test_the_names_are_those_that_a_database_would_give(sql: str, columns: list[str] | None) -> None:
    assert selected_columns(sql, "q") == columns


@pytest.mark.parametrize(
    "sql", ["DELETE FROM t", "SELECT a FROM", "SELECT 'a FROM t", "hello", "INSERT INTO x SELECT 1"]
)
def test_what_is_no_select_is_refused(sql: str) -> None:
    with pytest.raises(SourceError, match=r"\(q.*cannot be read as a SELECT"):
        selected_columns(sql, "q")


def test_a_missing_comma_is_refused_with_its_line() -> None:
    with pytest.raises(SourceError, match="line 2"):
        selected_columns("SELECT a.id AS applicant_id\n a.job AS job_id FROM t", "q")


def test_a_column_without_a_name_is_refused() -> None:
    with pytest.raises(SourceError, match=r"Column 2 .* has no name"):
        selected_columns("SELECT a, upper(b) FROM t", "q")
