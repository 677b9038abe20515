"""Alternating repetitions of several contenders, in wall and CPU time."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

DAGS = Path(__file__).parent / "dags"


@dataclass(frozen=True)
class Figure:
    """Seconds of one contender: medians, and the smallest and largest of its repetitions."""

    wall: float
    wall_spread: tuple[float, float]
    cpu: float
    cpu_spread: tuple[float, float]

    def as_json(self) -> dict[str, Any]:
        """Return it with four digits."""
        return {
            name: [round(part, 4) for part in value] if isinstance(value, tuple) else round(value, 4)
            for name, value in asdict(self).items()
        }


Contender = Callable[[], Callable[[], None]]
"""Prepares a repetition, and returns what is measured."""


def compare(contenders: Mapping[str, Contender], repetitions: int) -> dict[str, Figure]:
    """Run the contenders in turn, so that the machine's moods hit all of them alike."""
    walls: dict[str, list[float]] = {name: [] for name in contenders}
    cpus: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repetitions):
        for name, prepare in contenders.items():
            run = prepare()
            wall, cpu = time.perf_counter(), _cpu_seconds()
            run()
            walls[name].append(time.perf_counter() - wall)
            cpus[name].append(_cpu_seconds() - cpu)
    return {name: _figure(walls[name], cpus[name]) for name in contenders}


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that have ended, such as a tool in its own process."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def run_in_own_airflow(module: str, arguments: Sequence[str], settings: Mapping[str, str]) -> Any:
    """Run a module of ours in a process with an Airflow of its own; return the JSON that it prints last."""
    with tempfile.TemporaryDirectory(prefix="kombo-bench-airflow-") as home:
        own = {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        }
        command = [sys.executable, "-m", module, *arguments]
        environment = {**os.environ, **own, **settings}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
    }


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if not described.exists():
        return platform.processor() or "unknown"
    named = [line.partition(":")[2].strip() for line in described.read_text().splitlines() if "model name" in line]
    return named[0] if named else "unknown"


def _figure(walls: list[float], cpus: list[float]) -> Figure:
    return Figure(statistics.median(walls), (min(walls), max(walls)), statistics.median(cpus), (min(cpus), max(cpus)))
