"""Imports go one way, so that the rooms below Airflow's face work in a notebook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_contracts_between_the_rooms_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_the_rooms_below_airflow_load_without_it() -> None:
    rooms = "mapping ledger.staging ledger.lanes client source.reader sending.deliver staging.stager doubts.resolve"
    loads = "; ".join(f"import kombo_provider.{room}" for room in rooms.split())
    check = "import sys; sys.exit('airflow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", f"{loads}; {check}"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
