"""A warehouse of each kind that the tests run for real, and where the ledger lies beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

LEDGER_TOO = ("sqlite", "postgresql")
"""The ledger may lie in these; beside the others it lies in a PostgreSQL of its own."""

WAREHOUSES = (*LEDGER_TOO, "mariadb", "duckdb")


@pytest.fixture(params=WAREHOUSES)
def warehouse_kind(request: pytest.FixtureRequest) -> str:
    """The kind of database that the user's table is in: the test runs once for each."""
    kind: str = request.param
    return kind


@pytest.fixture
def warehouse_url(warehouse_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of this kind."""
    if warehouse_kind in ("sqlite", "duckdb"):
        return f"{warehouse_kind}:///{tmp_path / 'warehouse.db'}"
    url: str = request.getfixturevalue("mariadb_url" if warehouse_kind == "mariadb" else "postgres_url")
    return url


@pytest.fixture
def ledger_url(warehouse_kind: str, warehouse_url: str, request: pytest.FixtureRequest) -> str:
    """The URL of the database for the ledger: the warehouse, where that can hold it."""
    url: str = warehouse_url if warehouse_kind in LEDGER_TOO else request.getfixturevalue("postgres_url")
    return url
