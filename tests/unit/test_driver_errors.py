"""What drivers raise, as each of them raises it."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from kombo_provider.driver_errors import (
    CONNECTION_OPTION,
    Failure,
    describe,
    describe_value,
    driver_errors,
    may_pass,
    sqlstate,
)
from kombo_provider.errors import LedgerError, LedgerRefusedError

ADA = "ada@example.com"


class OperationalError(Exception):
    """As a driver without a SQLSTATE names it."""


class DatabaseError(Exception):
    """As pg8000 names it."""


class ProgrammingError(Exception):
    """As ODBC's and Snowflake's name it."""


def _with_state(state: str, message: str) -> Exception:
    error = OperationalError(message)
    error.pgcode = state  # type: ignore[attr-defined]
    return error


def _pg8000(state: str, message: str) -> Exception:
    return DatabaseError({"S": "ERROR", "C": state, "M": message})


def _libpq(message: str) -> Exception:
    return OperationalError(f'connection to server at "db", port 5432 failed: {message}')


def _sqlite(sql: str) -> Exception:
    with pytest.raises(sqlite3.Error) as raised:
        sqlite3.connect(":memory:").execute(sql).fetchall()
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        _libpq('FATAL:  database "crm" does not exist'),
        _libpq('FATAL:  role "bob" does not exist'),
        _libpq('FATAL:  password authentication failed for user "bob"'),
        _libpq("fe_sendauth: no password supplied"),
        _libpq('FATAL:  no pg_hba.conf entry for host "10.0.0.1"'),
        OperationalError("failed to resolve host 'dbb': [Errno -2] Name or service not known"),
        OperationalError(1045, "Access denied for user 'bob'@'%'"),
        OperationalError(1049, "Unknown database 'crm'"),
        *[_with_state(state, "x") for state in ("28P01", "3D000", "3F000", "42P01", "42703", "42601", "42501")],
        *[_with_state(state, "x") for state in ("22012", "22P02", "0A000", "54001")],
        _pg8000("42P01", 'relation "people" does not exist'),
        ProgrammingError("42S02", "[42S02] Invalid object name 'people'"),
        ProgrammingError("000904 (42000): SQL compilation error: invalid identifier 'NAME'"),
        _sqlite("SELECT * FROM nobody"),
        _sqlite("SELEC 1"),
        _sqlite("SELECT json_extract('{', '$')"),
        ValueError("year -43 is out of range"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
    ids=str,
)
def test_what_trying_again_cannot_change_is_told_apart(error: Exception) -> None:
    assert not may_pass(error)


def _with_code(code: int) -> Exception:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code  # the constructor sets none
    return error


@pytest.mark.parametrize(
    "error",
    [
        _libpq("Connection refused"),
        _libpq("timeout expired"),
        _libpq("FATAL:  the database system is starting up"),
        _libpq("FATAL:  sorry, too many clients already"),
        OperationalError("failed to resolve host 'db': [Errno -3] Temporary failure in name resolution"),
        OperationalError(2013, "Lost connection to MySQL server during query"),
        OperationalError(1213, "Deadlock found when trying to get lock"),
        *[
            _with_state(state, "x")
            for state in ("08006", "40001", "40P01", "53100", "53300", "55P03", "57014", "57P01")
        ],
        _pg8000("57P03", "the database system is starting up"),
        ProgrammingError("HYT00", "[HYT00] Login timeout expired"),
        *[_with_code(code) for code in (5, 6, 10, 13, 261, 517)],  # also extended codes: BUSY_RECOVERY, BUSY_SNAPSHOT
        ConnectionResetError("reset"),
        TimeoutError("timed out"),
    ],
    ids=str,
)
def test_what_may_pass_by_itself_is_told_apart(error: Exception) -> None:
    assert may_pass(error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_with_state("22P02", f'invalid input syntax for type integer: "{ADA}"'), "for type integer"),
        (_with_state("22003", f'value "{ADA}" is out of range for type integer'), "22003"),
        (_with_state("22008", f'date/time field value out of range: "{ADA}"'), "date/time field value out of range"),
        (_with_state("22P02", f'invalid input value for enum crm.kind: "{ADA}"'), "enum crm.kind"),
        (_with_state("22012", "division by zero"), "division by zero"),
        (_with_state("42601", f'syntax error in tsquery: "{ADA}"'), "42601"),
        (_with_state("42P01", f'relation "{ADA}" does not exist'), "42P01"),
        (_pg8000("22P02", f'invalid input syntax for type uuid: "{ADA}"'), "for type uuid"),
        (_sqlite(f"SELECT json_extract('{{}}', '$[{ADA}')"), "SQLITE_ERROR"),
        (_sqlite("SELECT json('{')"), "malformed JSON"),
        (OperationalError(1366, f"Incorrect integer value: '{ADA}' for column"), "1366"),
        (ValueError(f"Invalid isoformat string: '{ADA}'"), "ValueError"),
    ],
    ids=str,
)
def test_an_error_over_rows_names_its_kind_and_no_value(error: Exception, words: str) -> None:
    said = describe_value(error)
    assert words in said
    assert ADA not in said


def test_a_sqlstate_is_found_where_each_driver_has_it() -> None:
    wrapped = DBAPIError("SELECT 1", {}, _with_state("42P01", "x"))
    states = [
        sqlstate(error) for error in (wrapped, _pg8000("22P02", "x"), ProgrammingError("28000", "x"), ValueError())
    ]
    assert states == ["42P01", "22P02", "28000", None]


def _said(error: Exception, **options: Any) -> LedgerError:
    engine = create_engine("sqlite://").execution_options(**options)
    lasting, passing = Failure(LedgerRefusedError, "Nothing was lost"), Failure(LedgerError, "Nothing was lost")
    with (
        pytest.raises(LedgerError) as raised,
        driver_errors(engine, "The ledger's database failed", lasting=lasting, passing=passing, catch=(Exception,)),
    ):
        raise error
    assert raised.value.__suppress_context__
    return raised.value


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_with_state("53100", "could not extend file: No space left on device"), "disk is full: make room"),
        (_libpq('FATAL:  database "crm" does not exist'), "Correct the database of the connection"),
        (_libpq("Connection refused"), "See that its server runs"),
        (_with_state("28P01", "password authentication failed"), "Correct login and password"),
        (_with_state("55P03", "canceling statement due to lock timeout"), "Another transaction holds a lock"),
    ],
    ids=str,
)
def test_the_message_names_the_connection_and_what_to_do(error: Exception, words: str) -> None:
    said = str(_said(error, **{CONNECTION_OPTION: "warehouse_default"}))
    assert "The ledger's database failed on connection 'warehouse_default': OperationalError" in said
    assert words in said
    assert said.endswith("Nothing was lost.")


def test_a_full_disk_of_sqlite_is_said_and_tried_again() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as conn:
        conn.execute(text("PRAGMA max_page_count = 1"))
        with pytest.raises(DBAPIError) as raised:
            conn.execute(text("CREATE TABLE t (x)"))
    said = _said(raised.value)
    assert type(said) is LedgerError
    assert "database or disk is full. Its disk is full: make room there" in str(said)


_TRIGGER_ON_POSTGRESQL = """
CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM {expression}; RETURN NEW; END $$;
CREATE TRIGGER stumble BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION stumble()
"""
_TRIGGER_ON_SQLITE = "CREATE TRIGGER stumble BEFORE UPDATE ON people BEGIN SELECT {expression}; END"


@pytest.mark.parametrize(
    ("on_postgresql", "on_sqlite"),
    [
        ("to_tsquery('simple', NEW.email || ' &')", "json_extract('{}', '$[' || NEW.email)"),
        ("NEW.email::regclass", "NEW.email -> '$['"),
        ("NEW.email::int", "json(NEW.email)"),
        ("1 / (length(NEW.email) - 15)", "abs(-9223372036854775808 + length(NEW.email) - 15)"),
    ],
)
def test_a_trigger_of_the_target_that_stumbles_over_a_value_is_described_without_it(
    database_url: str, on_postgresql: str, on_sqlite: str
) -> None:
    engine = create_engine(database_url)
    trigger = _TRIGGER_ON_POSTGRESQL if engine.dialect.name == "postgresql" else _TRIGGER_ON_SQLITE
    expression = on_postgresql if engine.dialect.name == "postgresql" else on_sqlite
    with engine.connect() as conn:
        conn.exec_driver_sql("CREATE TABLE people (email TEXT)")
        conn.exec_driver_sql(f"INSERT INTO people VALUES ('{ADA}')")
        conn.exec_driver_sql(trigger.replace("{expression}", expression))
        with pytest.raises(DBAPIError) as raised:
            conn.exec_driver_sql("UPDATE people SET email = email")
    assert ADA not in describe(raised.value)
    assert "Error" in describe(raised.value) or "SQLSTATE" in describe(raised.value)
    engine.dispose()


@pytest.mark.parametrize("state", ["P0001", "42501", "42P01", "55000", "57014", "08006", "53100", "25006"])
def test_a_trigger_may_raise_any_sqlstate_and_its_words_are_not_quoted(postgres_url: str, state: str) -> None:
    engine = create_engine(postgres_url)
    with engine.connect() as conn:
        conn.exec_driver_sql("CREATE TABLE people (email TEXT)")
        conn.exec_driver_sql(f"INSERT INTO people VALUES ('{ADA}')")
        conn.exec_driver_sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE SQLSTATE '{state}' USING MESSAGE = NEW.email; END $$"
        )
        conn.exec_driver_sql("CREATE TRIGGER t BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION refuse()")
        with pytest.raises(DBAPIError) as raised:
            conn.exec_driver_sql("UPDATE people SET email = email")
    assert ADA not in describe(raised.value)
    assert state in describe(raised.value)
    engine.dispose()


@pytest.mark.parametrize(
    ("sql", "words"),
    [("SELECT * FROM nobody", "nobody"), ("UPDATE people SET nothing = 1", "nothing"), ("SELEC 1", "SELEC")],
)
def test_a_statement_that_is_wrong_by_itself_is_described_in_the_drivers_words(
    database_url: str, sql: str, words: str
) -> None:
    engine = create_engine(database_url)
    with engine.connect() as conn:
        conn.exec_driver_sql("CREATE TABLE people (email TEXT)")
        with pytest.raises(DBAPIError) as raised:
            conn.exec_driver_sql(sql)
    assert words in describe(raised.value)
    engine.dispose()


def test_what_mysql_says_of_a_value_is_left_out_and_of_a_right_is_not() -> None:
    assert ADA not in describe(OperationalError(1644, f"{ADA} is frozen"))
    assert ADA not in describe(OperationalError(1366, f"Incorrect integer value: '{ADA}'"))
    assert "UPDATE command denied" in describe(OperationalError(1142, "UPDATE command denied to user 'bob'"))
