"""`make up` prints what another shell needs to run commands on it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from include.demo.environment import Airflow, Files
from include.demo.up import export_lines


def test_the_printed_lines_take_a_shell_to_the_demo_s_airflow(tmp_path: Path) -> None:
    airflow = Airflow(Files(tmp_path / "a folder"), port=8080, schedule=True)
    script = "\n".join([*export_lines(airflow.own_settings()), 'echo "$AIRFLOW_HOME"', "command -v airflow"])

    said = subprocess.run(["/bin/sh", "-euc", script], capture_output=True, text=True, check=True).stdout.splitlines()

    assert said[0] == str(tmp_path / "a folder" / "airflow")
    assert Path(said[1]).parent.name == "bin"


def test_a_busy_machine_fails_no_task_of_the_demo_by_answering_it_late(tmp_path: Path) -> None:
    settings = Airflow(Files(tmp_path), port=8080, schedule=True).environment({})

    assert float(settings["AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT"]) >= 60
