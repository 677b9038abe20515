"""What a database driver's error means: said without any value of a row, and whether a later try may succeed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from kombo_provider.driver_advice import advice
from kombo_provider.errors import KomboError

CONNECTION_OPTION: Final = "kombo_connection"
"""Execution option of an engine: the id of its Airflow connection, for messages."""

_SAFE_CLASSES: Final = ("08", "0A", "25", "26", "28", "3D", "3F", "42", "53", "54", "55", "57", "58")
"""SQLSTATE classes whose message names objects, rights or resources, where the statement is one of ours."""
_SAFE_NUMBERS_OF_MYSQL: Final = frozenset(
    (1040, 1044, 1045, 1049, 1054, 1103, 1129, 1130, 1142, 1143, 1146, 1205, 1213, 1267, 1288, 1290, *range(2000, 2030))
)
"""Its errors of the same kind: many share an SQLSTATE or come without, and 1292 and 1366 quote a value."""
_SAFE_KINDS_OF_DUCKDB: Final = frozenset(
    f"{kind}Exception" for kind in ("Parser", "Catalog", "Binder", "IO", "Connection", "Permission", "Transaction")
)
_SAFE_AT_RUN_TIME: Final = ("42501", "42P06", "42P07", "42710")
"""A right is missing, something is there already; the others of class 42 name no value if they say a position."""
_OF_A_FUNCTION: Final = ("exec_stmt_", "PLy_", "plperl_", "pltcl_")
"""Where PostgreSQL says that an error comes from which a function of the user's raised, with any SQLSTATE it likes."""
_SQLITE_ERROR: Final = 1
_OF_SQLITES_PARSER: Final = re.compile(
    r"no such \w+: |syntax error$|has no column named|ambiguous column name|already exists$|cannot UPDATE generated"
    r"|because it is a view$|may not be modified$|^not authorized$"
)
_LASTING_CLASSES: Final = ("0A", "21", "22", "28", "2F", "38", "39", "3D", "3F", "42", "44", "54", "IM", "P0")
"""SQLSTATE classes that a later try meets again; IM: ODBC's own, no such driver or data source."""
_LASTING_STATES: Final = ("25006", "55000")  # a replica; an object that cannot do it, such as a view over a join
_LASTING_KINDS: Final = {"ProgrammingError", "DataError", "NotSupportedError"}
_PASSING_KINDS: Final = {"Error", "DatabaseError", "OperationalError", "InterfaceError", "InternalError", "OSError"}
_PASSING_ON_SQLITE: Final = {5, 6, 7, 9, 10, 13, 15, 17, 19}
"""SQLITE_BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, FULL, PROTOCOL, SCHEMA, CONSTRAINT."""
_LASTING_TEXTS: Final = re.compile(
    r"(role|user|database) \S+ does not exist|authentication failed|no password supplied|no pg_hba.conf entry"
    r"|Name or service not known|nodename nor servname|No address associated|does not support SSL|certificate verify"
    r"|Access denied|Unknown database|Unknown \w+ server host|Login failed|Cannot open database"
)
"""What servers and libraries say of a connection that cannot work as it is; libpq gives no SQLSTATE for it."""
_KIND_OF_VALUE: Final = re.compile(
    r'invalid input syntax for type [a-z ]+|invalid input value for enum [\w."]+|division by zero|[a-z ]+ out of range'
    r"|date/time field value out of range|numeric field overflow|value too long for type [a-z ]+(\(\d+\))?"
)
_FIXED_TEXTS: Final = (
    "malformed JSON",
    "integer overflow",
    "string or blob too big",
    "database is locked",
    "database or disk is full",
    "disk I/O error",
    "interrupted",
    "out of memory",
)
"""What SQLite says in the same words whatever the row holds."""


def describe(exc: BaseException) -> str:
    """Say what a driver complained about a statement of ours, without any value of a row."""
    original = _original(exc)
    kind = type(original).__name__
    state = sqlstate(exc)
    number = _number(original)
    text = _text(original).partition(" with text ")[0]  # SQLite quotes a text that is not UTF-8
    if _at_run_time(original, state):
        return f"{describe_value(exc)}{_named_objects(original)}"
    # MySQL's numbers before states: many of its errors share one, and some come without.
    if number in _SAFE_NUMBERS_OF_MYSQL or kind in _SAFE_KINDS_OF_DUCKDB:
        return f"{kind}{_in_brackets(number)}: {text}"
    if number is not None and state in (None, "HY000"):
        return f"{kind} ({number})"
    if state is not None and state[:2] in _SAFE_CLASSES:
        return f"{kind} ({state}): {text}"
    if state is not None:
        return f"{kind} (SQLSTATE {state}){_named_objects(original)}"
    # SQLite's, whose words name no value in these; a constraint that fails is an IntegrityError.
    if kind in ("OperationalError", "ProgrammingError"):
        return f"{kind}: {text}"
    return kind


def _in_brackets(code: object) -> str:
    if not code:
        return ""
    return f" ({code})"


def _at_run_time(original: BaseException, state: str | None) -> bool:
    """Tell whether this may be about a row's value, over which a trigger of the user's stumbled.

    Only what PostgreSQL finds while it parses has a place in the statement; SQLite's parser has words of its own.
    """
    if (_diagnosis(original, "source_function", "R") or "").startswith(_OF_A_FUNCTION):
        return True
    if state is not None and state[:2] in ("0A", "3F", "42") and _number(original) is None:  # MariaDB's have a number
        return state not in _SAFE_AT_RUN_TIME and _diagnosis(original, "statement_position", "P") is None
    if getattr(original, "sqlite_errorcode", None) == _SQLITE_ERROR:
        return _OF_SQLITES_PARSER.search(_text(original)) is None
    return False


def describe_unread(exc: BaseException) -> str:
    """Say the same in the driver's own words: of a statement that reads no row, and of connecting."""
    original, state = _original(exc), sqlstate(exc)
    if type(original).__name__ in ("IntegrityError", "DataError") or (state or "")[:2] in ("22", "23"):
        return describe_value(exc)
    return f"{type(original).__name__}{_in_brackets(state)}: {_text(original)}"


def describe_value(exc: BaseException) -> str:
    """Say of what kind an error is that a row's value may have caused: none of the driver's words may quote it."""
    original = _original(exc)
    state = sqlstate(exc)
    code = getattr(original, "sqlite_errorname", None) or _number(original)
    if state:
        code = f"SQLSTATE {state}"
    said = f"{type(original).__name__}{_in_brackets(code)}"
    words = _words_without_value(_text(original), state)
    if not words:
        return said
    return f"{said}: {words}"


def _words_without_value(text: str, state: str | None) -> str:
    """Return what may be told of a driver's words: their beginning, or the whole of what is always the same."""
    known = None
    if state is not None and state.startswith("22"):
        known = _KIND_OF_VALUE.match(text)
    if known is not None:
        return known.group()
    if text in _FIXED_TEXTS:
        return text
    return ""


def may_pass(exc: BaseException) -> bool:
    """Tell whether a later try of the same may succeed: a server that is away, a lock, a full disk."""
    if isinstance(exc, PoolTimeoutError) or getattr(exc, "connection_invalidated", False):
        return True
    original = _original(exc)
    on_sqlite = getattr(original, "sqlite_errorcode", None)
    if on_sqlite is not None:
        return on_sqlite & 0xFF in _PASSING_ON_SQLITE  # the other bits say which kind of SQLITE_BUSY, and so on
    state = sqlstate(exc)
    if state is not None:
        return state[:2] not in _LASTING_CLASSES and state not in _LASTING_STATES
    # No code at all: the classes of PEP 249, which every driver has, and what it says.
    kinds = {kind.__name__ for kind in type(original).__mro__}
    if kinds & _LASTING_KINDS or not kinds & _PASSING_KINDS:
        return False
    return _LASTING_TEXTS.search(_text(original)) is None


def sqlstate(exc: BaseException) -> str | None:
    """Return the SQLSTATE that a driver gives: psycopg, psycopg2, pg8000 and ODBC each in their own place."""
    original = _original(exc)
    state: object = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if state is None:
        first = _first_argument(original)
        if isinstance(first, dict):  # pg8000's: the fields of the server's message by their letters
            state = first.get("C")
        elif isinstance(first, str) and re.fullmatch("[0-9A-Z]{5}", first):  # ODBC's
            state = first
    if isinstance(state, str):
        return state
    return None


def _first_argument(original: BaseException) -> object:
    """Return what a driver made its error of first: a number, a state, a dict of fields or a text."""
    if not original.args:
        return None
    return original.args[0]


class Failure(NamedTuple):
    """What is raised of a driver's error, and what it says is to be done."""

    error: type[KomboError]
    what_to_do: str


@contextmanager
def driver_errors(
    engine: Engine,
    what_failed: str,
    *,
    lasting: Failure,
    passing: Failure,
    describe: Callable[[BaseException], str] = describe,
    catch: tuple[type[BaseException], ...] = (),
) -> Iterator[None]:
    """Turn any database error in the block into one of ours, said without statement parameters or row contents.

    `passing` is raised of what a later try may get over, `lasting` of the rest. Errors of the engine's driver count
    too, and those of `catch`: not every call goes through SQLAlchemy. The original is not chained: its text and its
    frames would carry the rows into the task log.
    """
    driver: Any = engine.dialect.loaded_dbapi
    try:
        yield
    except KomboError:
        raise
    except (StatementError, PoolTimeoutError, driver.Error, UnicodeError, *catch) as exc:
        failure = lasting
        if may_pass(exc):
            failure = passing
        name = engine.get_execution_options().get(CONNECTION_OPTION)
        if name:
            what_failed = f"{what_failed} on connection {name!r}"
        hint = advice(sqlstate(exc), _text(_original(exc)))
        raise failure.error(f"{what_failed}: {describe(exc)}. {hint}{failure.what_to_do}.") from None


def _original(exc: BaseException) -> BaseException:
    return getattr(exc, "orig", None) or exc


def _text(original: BaseException) -> str:
    """Return the first line of a driver's message."""
    first = _first_argument(original)
    if isinstance(first, dict):  # pg8000
        said = str(first.get("M", ""))
    elif len(original.args) > 1 and isinstance(original.args[1], str):  # MySQL's and ODBC's: a number or a state first
        said = original.args[1]
    else:
        said = str(original)
    # The lines below the first quote the statement, a row, or the context of a function.
    lines = said.strip().splitlines()
    if not lines:
        return ""
    return lines[0]


def _number(original: BaseException) -> int | None:
    first = _first_argument(original)
    if isinstance(first, int):
        return first
    return None


def _diagnosis(original: BaseException, name: str, letter: str) -> Any:
    """Return a field of PostgreSQL's error; `letter` is what its protocol calls it."""
    first = _first_argument(original)
    if isinstance(first, dict):  # pg8000
        return first.get(letter)
    return getattr(getattr(original, "diag", None), name, None)


def _named_objects(original: BaseException) -> str:
    """Return which table, column and constraint PostgreSQL names: names are never a value, and say where to look."""
    diag = getattr(original, "diag", None)
    names = []
    for label in ("table", "column", "constraint"):
        value = getattr(diag, f"{label}_name", None)
        if value:
            names.append(f"{label} {value}")
    if not names:
        return ""
    return f" at {', '.join(names)}"
