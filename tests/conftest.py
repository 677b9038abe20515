"""An Airflow of its own for the whole test run: set up before airflow is imported anywhere."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_HOME = tempfile.TemporaryDirectory(prefix="kombo-airflow-")
MADE_DAGS = Path(_HOME.name) / "made_dags"
MADE_DAGS.mkdir()
_DAG_FOLDERS = {"made": MADE_DAGS, "tests": ROOT / "tests" / "dags", "dags-folder": ROOT / "dags"}
_LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"

os.environ.update(
    {
        "AIRFLOW_HOME": _HOME.name,
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
            [{"name": k, "classpath": _LOCAL_BUNDLE, "kwargs": {"path": str(v)}} for k, v in _DAG_FOLDERS.items()]
        ),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API_AUTH__JWT_SECRET": "of the tests, and as long as SHA512 wants its keys to be, so 64 bytes",
    }
)

pytest_plugins = ["tests.postgres", "tests.mariadb", "tests.warehouses", "tests.dialects"]

# Whole runs of Airflow, kills, browsers, installs: `make quick` leaves them out.
SLOW_FOLDERS = ("e2e", "reliability", "ui")
SLOW_FILES = (
    "test_dag_files.py",
    "test_postgres_server.py",
    "test_readme_own_table.py",
    "test_rights_on_postgresql.py",
    "test_wheel.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what lies in a slow folder or file."""
    for item in items:
        if item.path.parent.name in SLOW_FOLDERS or item.path.name in SLOW_FILES:
            item.add_marker(pytest.mark.slow)
