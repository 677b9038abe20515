"""The SELECT's file, and the Jinja in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from kombo_provider.errors import ConfigurationError
from kombo_provider.operators.extract_sql import read_extract_sql, render_sql

TEXT = "SELECT 'Jörg' AS x\nFROM t"


def _read(folder: Path, content: bytes, name: str = "mine.sql") -> str:
    (folder / name).write_bytes(content)
    text, where = read_extract_sql(name, str(folder / "dag.py"))
    assert where == name
    return text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_file_that_says_its_encoding_by_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    assert _read(tmp_path, TEXT.encode(encoding)) == TEXT


def test_lines_that_end_as_on_windows_are_read(tmp_path: Path) -> None:
    assert _read(tmp_path, TEXT.replace("\n", "\r\n").encode()) == TEXT


def test_a_file_with_an_ending_in_capitals_is_a_file(tmp_path: Path) -> None:
    assert _read(tmp_path, TEXT.encode(), "MINE.SQL") == TEXT


def test_a_file_in_latin_1_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"mine\.sql is not UTF-8: line 2 holds the byte 0xF6") as raised:
        _read(tmp_path, "-- x\nSELECT 'Jörg'".encode("latin-1"))
    assert raised.value.__context__ is None or raised.value.__suppress_context__


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark_is_named(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ConfigurationError, match=r"mine\.sql (holds NUL characters|is not UTF-8)"):
        _read(tmp_path, TEXT.replace("ö", "o").encode(encoding))


def test_a_folder_named_like_the_file_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").mkdir()
    with pytest.raises(ConfigurationError, match=r"names mine\.sql, and there is no such file"):
        read_extract_sql("mine.sql", str(tmp_path / "dag.py"))


def _task(**dag: Any) -> BaseOperator:
    with DAG("d", **dag):
        return BaseOperator(task_id="t")


def test_macros_and_filters_of_the_dag_are_used() -> None:
    task = _task(user_defined_macros={"schema": "crm"}, user_defined_filters={"shout": str.upper})
    assert render_sql(task, "SELECT 1 FROM {{ schema }}.{{ 't' | shout }}", "x.sql", {}) == "SELECT 1 FROM crm.T"


def test_braces_between_raw_and_endraw_stay() -> None:
    sql = "SELECT {% raw %}'{{1,2},{3,4}}', '{{1,2}}', '{%', '{#'{% endraw %}"
    assert render_sql(_task(), sql, "x.sql", {}) == "SELECT '{{1,2},{3,4}}', '{{1,2}}', '{%', '{#'"


@pytest.mark.parametrize("printed", ["{{ '{{1,2}}' }}", "IN {{ (1, 2) }}", "'{{ ds }}'"])
def test_what_is_meant_as_jinja_is_rendered(printed: str) -> None:
    assert "{{ " not in render_sql(_task(), printed, "x.sql", {"ds": "2026-01-01"})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT\n'{{1,2},{3,4}}'",
        "SELECT\n'{{1,2}}'",
        "SELECT\n'{{a,b}}'",
        "SELECT\n'{{7}}'",
        "SELECT\n'{{}}'",
        """SELECT\n'{{"a": 1}}'""",
        "SELECT 1\nWHERE x LIKE '{%'",
        "SELECT 1\nWHERE x LIKE '{#%'",
        "SELECT\n{{ nope }}",
        "SELECT\n{{ params.nope }}",
        "SELECT\n{{ params['nope'] }}",
        "SELECT\n{{ 1 | nope }}",
        "SELECT\n{% if x %}",
        "SELECT\n{% include 'nope.sql' %}",
    ],
)
def test_braces_that_are_no_jinja_are_named_with_their_line_and_the_way_out(sql: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\(x\.sql\) cannot be rendered: in line 2, .*raw %") as raised:
        render_sql(_task(), sql, "x.sql", {"params": {}})
    assert raised.value.__cause__ is None


class _Missing:
    def __init__(self, error: Callable[[], Exception]) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        raise self._error()


def _no_variable() -> Exception:
    return AirflowRuntimeError(
        ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND, detail={"message": "Variable nope not found"})
    )


def _no_connection() -> Exception:
    return AirflowNotFoundException("The conn_id `nope` isn't defined")


@pytest.mark.parametrize(("error", "said"), [(_no_variable, "Variable nope not found"), (_no_connection, "`nope` isn")])
def test_a_variable_or_connection_that_is_not_there_is_named(error: Callable[[], Exception], said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"in line 2, .*{said}"):
        render_sql(_task(), "SELECT\n{{ var.nope }}", "x.sql", {"var": _Missing(error)})
