"""Parsing a DAG file loads settings and operators only; the rooms below load when a task runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

LOADED_WHEN_PARSED = {
    *("kombo_provider", "kombo_provider.errors", "kombo_provider.pipeline", "kombo_provider.provider_info"),
    *("kombo_provider.hooks", "kombo_provider.hooks.kombo", "kombo_provider.doubts", "kombo_provider.doubts.replies"),
    *("kombo_provider.operators", "kombo_provider.worker_shutdown"),
}
PROBE = "import json, runpy, sys; runpy.run_path(sys.argv[1]); print(json.dumps(sorted(sys.modules)), file=sys.stderr)"


@pytest.mark.parametrize("dag_file", sorted((ROOT / "dags").glob("*.py")), ids=lambda path: path.stem)
def test_a_dag_file_loads_no_room_below_the_operators(dag_file: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(dag_file)], capture_output=True, text=True, check=True, timeout=300
    )
    loaded = set(json.loads(done.stderr.strip().splitlines()[-1]))
    ours = {name for name in loaded if name.split(".")[0] == "kombo_provider"}

    assert {name for name in ours if not name.startswith("kombo_provider.operators.")} <= LOADED_WHEN_PARSED
    assert "pandas" not in loaded
