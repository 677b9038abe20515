"""docs/warehouses.md says of each warehouse what the tests do with it, with the versions that they install."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT
from tests.dialects import PARSED_AS
from tests.docs.markdown import README, tables
from tests.warehouses import WAREHOUSES

DOCUMENT = ROOT / "docs" / "warehouses.md"
ROWS = {row["database"]: row for row in tables(DOCUMENT.read_text())[0]}
NAMES = {"mssql": "SQL Server", "postgresql": "PostgreSQL"}


def shown(dialect: str) -> dict[str, str]:
    """Return the row that names the database of a dialect."""
    name = NAMES.get(dialect, dialect).lower()
    return next(row for database, row in ROWS.items() if name in database.lower())


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        *((dialect, "run") for dialect in WAREHOUSES),
        *((dialect, "compiled") for dialect in sorted(PARSED_AS.keys() - {"snowflake"})),
        ("snowflake", "played"),
    ],
)
def test_what_is_said_is_what_the_tests_do(dialect: str, said: str) -> None:
    assert (shown(dialect)["source"], shown(dialect)["write-back"]) == (said, said)


def test_nothing_else_counts_as_run_or_compiled() -> None:
    known = [shown(dialect)["database"] for dialect in (*WAREHOUSES, *PARSED_AS)]
    assert {name for name, row in ROWS.items() if row["source"] in ("run", "played", "compiled")} <= set(known)


def test_versions_are_those_that_are_installed() -> None:
    pins = (ROOT / "requirements-warehouses.txt").read_text() + (ROOT / "requirements-dev.txt").read_text()
    for database in ROWS:
        for package, version in re.findall(r"\(([a-z-]+) ([0-9.]+)\)", database):
            assert re.search(rf"^{package}(\[\w+\])?=={re.escape(version)}\.", pins, re.MULTILINE), database


def test_the_readme_says_it_too() -> None:
    text = README.read_text()
    for database in ROWS:
        for name in re.split(", | and ", re.sub(r" \(.*\)| [0-9.]+", "", database)):
            assert name in text, f"the README does not name {name}"
