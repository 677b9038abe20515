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


ROOMS_BELOW_AIRFLOW = (
    "client",
    "doubts",
    "ledger",
    "mapping",
    "report",
    "sending",
    "source",
    "staging",
    "watch",
    "write_back",
)
LOAD_ALL = """
import importlib, pkgutil, sys, kombo_provider
for room in sys.argv[1:]:
    package = importlib.import_module(f"kombo_provider.{room}")
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
sys.exit("airflow" in sys.modules)
"""


def test_the_rooms_below_airflow_load_without_it() -> None:
    command = [sys.executable, "-c", LOAD_ALL, *ROOMS_BELOW_AIRFLOW]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
