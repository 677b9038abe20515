"""An Airflow of its own for the whole test run: set up before airflow is imported anywhere."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

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
    }
)

pytest_plugins = ["tests.postgres"]
