"""The SQL dialects of warehouses that no test runs; most of them are installed by `make test-warehouses` only."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import sqlglot
from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import NoSuchModuleError

PARSED_AS = {
    "bigquery": "bigquery",
    "databricks": "databricks",
    "mssql": "tsql",
    "oracle": "oracle",
    "redshift": "redshift",
    "snowflake": "snowflake",
    "trino": "trino",
}
"""By SQLAlchemy's name: whose grammar sqlglot reads a statement by."""


def load_dialect(name: str) -> Dialect:
    """Return the dialect, whose parameters are written `:name`; skip the test where it is not installed."""
    try:
        dialect: Dialect = registry.load(name)(paramstyle="named")
    except NoSuchModuleError:
        if os.environ.get("WAREHOUSES"):
            raise
        pytest.skip(f"the dialect {name} is not installed: make test-warehouses has it")
    return dialect


@pytest.fixture(params=sorted(PARSED_AS))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return load_dialect(request.param)


def assert_grammatical(sql: str, dialect: Dialect) -> None:
    """Read the statement by the dialect's grammar; sqlglot raises where it cannot."""
    assert sqlglot.parse_one(sql, read=PARSED_AS[dialect.name])


@pytest.fixture
def snowflake() -> Iterator[Engine]:
    """An empty Snowflake, as fakesnow plays one on DuckDB."""
    fakesnow = pytest.importorskip("fakesnow", reason="make test-warehouses has fakesnow")
    with fakesnow.patch():
        engine = create_engine("snowflake://user:password@account/crm/public")
        yield engine
        engine.dispose()
