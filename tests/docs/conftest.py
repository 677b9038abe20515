"""The fixtures of the end-to-end tests, for documents and examples that are run."""

from __future__ import annotations

from tests.e2e.conftest import _airflow_database, sandbox, warehouse

__all__ = ["_airflow_database", "sandbox", "warehouse"]
