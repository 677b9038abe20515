"""What goes wrong while a SELECT is read: said once, without a value, and typed by whether trying again may help."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event

from kombo_provider.database import ENGINE_OPTIONS, sign_statements
from kombo_provider.errors import SourceError, SourceUnavailableError
from tests.postgres import PostgresServer
from tests.unit.source.reading import KEYS, NAMES, mapped, read, run

ADA = "ada@example.com"


def _fails(engine: Engine, sql: str) -> SourceError:
    """Return the error of reading; nothing that a log prints of it quotes the applicant."""
    with pytest.raises(SourceError) as raised:
        read(engine, sql)
    assert ADA not in "".join(traceback.format_exception(raised.value))
    return raised.value


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("to_tsquery('simple', email || ' &')", "SyntaxError (SQLSTATE 42601)"),
        ("email::int", "invalid input syntax for type integer"),
        ("email::timestamptz", "invalid input syntax for type timestamp with time zone"),
        ("email::regclass", "run the SELECT in the warehouse to see them"),
        ("email::jsonb", "invalid input syntax for type json"),
        ("jsonb_path_query('{}', ('$.' || email || '[')::jsonpath)", "SQLSTATE 42601"),
        ("regexp_match(email, email || '(')", "SQLSTATE 2201B"),
        ("1 / (length(email) - 15)", "division by zero"),
    ],
)
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_value_that_the_select_stumbles_over_is_not_quoted(
    postgres_url: str, expression: str, words: str, driver: str
) -> None:
    engine = create_engine(postgres_url.replace("psycopg", driver), **ENGINE_OPTIONS)
    run(engine, "CREATE TABLE people (email TEXT)", f"INSERT INTO people VALUES ('{ADA}')")
    error = _fails(engine, f"SELECT {expression} AS x FROM people")
    assert words in str(error)
    assert not isinstance(error, SourceUnavailableError)
    engine.dispose()


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("json_extract('{}', '$[' || email)", "OperationalError (SQLITE_ERROR)"),
        ("json(email)", "malformed JSON. A value of some row is no JSON"),
        ("email -> '$[' || email", "SQLITE_ERROR"),
        ("abs(-9223372036854775808 + length(email) - 15)", "integer overflow"),
    ],
)
def test_a_value_that_the_select_stumbles_over_on_sqlite_is_not_quoted(
    tmp_path: Path, expression: str, words: str
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/w.db", **ENGINE_OPTIONS)
    run(engine, "CREATE TABLE people (email TEXT)", f"INSERT INTO people VALUES ('{ADA}')")
    error = _fails(engine, f"SELECT {expression} AS x FROM people")
    assert words in str(error)
    assert not isinstance(error, SourceUnavailableError)


def test_a_drivers_own_conversion_that_quotes_a_value_is_caught(tmp_path: Path) -> None:
    def convert(_: object, row: tuple[Any, ...]) -> tuple[Any, ...]:
        if ADA in row:
            raise ValueError(f"Invalid isoformat string: {ADA}")
        return row

    engine = create_engine(f"sqlite:///{tmp_path}/w.db", **ENGINE_OPTIONS)
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "row_factory", convert))
    run(engine, "CREATE TABLE people (email TEXT)", f"INSERT INTO people VALUES ('{ADA}')")
    assert "failed: ValueError." in str(_fails(engine, "SELECT email AS x FROM people"))


@pytest.mark.parametrize("style", ["German", "SQL, DMY", "Postgres, MDY"])
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_dates_are_read_whatever_the_roles_date_style(postgres_url: str, style: str, driver: str) -> None:
    options = {"options": f"-c DateStyle={style.replace(' ', '')}"}
    engine = create_engine(postgres_url.replace("psycopg", driver), connect_args=options, **ENGINE_OPTIONS)
    run(engine, "CREATE TABLE people AS SELECT TIMESTAMPTZ '2026-12-31 10:00:00+00' AS at")
    ((row),) = read(engine, "SELECT at::date AS day, at, at::text AS said, '01/02/2026'::date AS slashes FROM people")
    assert f"{row['day']}" == "2026-12-31"
    assert row["at"].isoformat().startswith("2026-12-31T")
    assert row["said"].startswith("2026-12-31")
    assert row["slashes"].month == (2 if style in ("German", "SQL, DMY") else 1), "read as the role reads it"
    engine.dispose()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT 1 AS x\nFROM nobody", "nobody"),
        ("SELECT nothing AS x FROM people", "nothing"),
        ("SELEC 1", "SELEC"),
    ],
)
def test_a_typo_is_no_outage(source: Engine, sql: str, words: str) -> None:
    run(source, "CREATE TABLE people (email TEXT)")
    error = _fails(source, sql)
    assert words in str(error)
    assert not isinstance(error, SourceUnavailableError)


def test_postgresqls_line_of_a_mistake_is_that_of_the_file(postgres: Engine) -> None:
    assert 'relation "nobody" does not exist, in line 3' in str(_fails(postgres, "\nSELECT 'a:b' AS x\nFROM nobody"))


def test_a_statement_that_says_who_sends_it_has_the_same_lines(postgres: Engine) -> None:
    sign_statements(postgres, {"run": "scheduled__2026-11-26"})
    sql = "SELECT '%' AS w, 'a:b' AS x, 1 AS y,\n2 AS z\nFROM nobody\nWHERE\ntrue"
    assert 'relation "nobody" does not exist, in line 3' in str(_fails(postgres, sql))


def test_a_right_that_is_missing_is_no_outage(postgres_server: PostgresServer, postgres_url: str) -> None:
    owner = create_engine(postgres_url)
    run(owner, "DROP ROLE IF EXISTS kombo_reader", "CREATE ROLE kombo_reader LOGIN", "CREATE TABLE people (email TEXT)")
    engine = create_engine(postgres_url.replace("postgres@", "kombo_reader@"), **ENGINE_OPTIONS)
    error = _fails(engine, "SELECT email AS x FROM people")
    assert "permission denied for table people" in str(error)
    assert not isinstance(error, SourceUnavailableError)
    engine.dispose()
    run(owner, "DROP ROLE kombo_reader")
    owner.dispose()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_wrong_database_and_a_wrong_host_are_no_outage_and_a_closed_port_is_one(
    postgres_server: PostgresServer, driver: str
) -> None:
    def error(url: str) -> SourceError:
        return _fails(create_engine(f"postgresql+{driver}://{url}", **ENGINE_OPTIONS), "SELECT 1 AS x")

    wrong = error(f"postgres@127.0.0.1:{postgres_server.port}/no_such_database")
    assert "Correct the database of the connection" in str(wrong)
    assert not isinstance(wrong, SourceUnavailableError)
    wrong = error(f"nobody_here@127.0.0.1:{postgres_server.port}/postgres")
    assert "Correct login and password" in str(wrong)
    assert not isinstance(wrong, SourceUnavailableError)
    away = error("postgres@127.0.0.1:1/postgres")
    assert "See that its server runs" in str(away)
    assert isinstance(away, SourceUnavailableError)


def test_a_connection_that_is_ended_while_rows_are_read_is_an_outage(postgres: Engine) -> None:
    with pytest.raises(SourceUnavailableError, match=r"57P01|OperationalError"):
        read(postgres, "SELECT pg_terminate_backend(pg_backend_pid()) AS x FROM generate_series(1, 10)")


def test_a_time_limit_of_the_role_is_tried_again(postgres_url: str) -> None:
    options = {"options": "-c statement_timeout=500"}
    engine = create_engine(postgres_url, connect_args=options, **ENGINE_OPTIONS)
    with pytest.raises(SourceUnavailableError, match=r"57014.*time limit"):
        read(engine, "SELECT pg_sleep(60)::text AS x FROM generate_series(1, 2)")
    engine.dispose()


def test_an_alias_that_postgresql_cuts_is_named(postgres: Engine) -> None:
    long = "candidate__" + "x" * 60
    with pytest.raises(SourceError, match=rf"alias of 71 bytes in line 2, {long}: PostgreSQL cuts names after 63"):
        read(postgres, f"SELECT 1 AS a,\n2 AS {long.upper().replace('CANDIDATE', 'candidate')}".replace("X", "x"))
    fits = "x" * 63
    assert read(postgres, f"SELECT 1 AS {fits}") == [{fits: 1}]


@pytest.mark.parametrize("warehouse_kind", ["sqlite", "postgresql"])  # MariaDB refuses them, DuckDB renames one
@pytest.mark.parametrize("sql", ["SELECT 1 AS x, 2 AS x", 'SELECT 1 AS "x", 2 AS x, 3 AS y'])
def test_two_columns_of_one_name_keep_it(source: Engine, sql: str) -> None:
    from kombo_provider.source.reader import SourceReader

    with SourceReader(source, sql, where="test.sql").open() as opened:
        assert opened.columns[:2] == ["x", "x"]


@pytest.mark.parametrize("warehouse_kind", ["sqlite", "postgresql"])
def test_two_columns_whose_names_differ_in_case_are_two_of_one_name(source: Engine) -> None:
    with pytest.raises(SourceError, match="returns more than one column named applicant_id"):
        mapped(source, f'SELECT {KEYS}, {NAMES}, 2 AS "Applicant_ID"')
