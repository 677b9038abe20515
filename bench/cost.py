"""What a delivery costs in this checkout and in another one: `python -m bench.cost OTHER_CHECKOUT`.

Both use this checkout's environment and benchmark of sending; the other one brings its own provider and sandbox. They
take turns, each repetition in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parents[1]
_MEASURE = """
import json, sys, time
from pathlib import Path
from bench import applicants
from bench.ours import Pipeline
from kombo_sandbox.testing import SandboxProcess
rows = applicants.rows(int(sys.argv[2]))
with SandboxProcess() as sandbox:
    used = []
    for number in range(2):  # the first one loads modules and warms caches
        pipeline = Pipeline(f"sqlite:///{Path(sys.argv[1]) / f'{number}.db'}", rows, 30)
        began = time.process_time()
        pipeline.deliver(sandbox.url, 60.0)
        used.append(time.process_time() - began)
        assert pipeline.statuses() == {"delivered": len(rows)}, pipeline.statuses()
        pipeline.close()
print(json.dumps(used[1]))
"""


def cost(checkout: Path, rows: int) -> float:
    """Return the CPU milliseconds of a delivery without latency, ledger on SQLite and write-back included."""
    paths = [str(checkout / "plugins"), str(checkout)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with tempfile.TemporaryDirectory(prefix="kombo-bench-") as folder:
        command = [sys.executable, "-c", _MEASURE, folder, str(rows)]
        done = subprocess.run(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return 1000 * float(json.loads(done.stdout.splitlines()[-1])) / rows


def main() -> None:
    """Print each pair, and the median of their ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    parser.add_argument("other", type=Path, help="another checkout, such as a git worktree")
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--pairs", type=int, default=9)
    asked = parser.parse_args()
    ratios = []
    for _ in range(asked.pairs):
        ours, theirs = cost(HERE, asked.rows), cost(asked.other.resolve(), asked.rows)
        ratios.append(ours / theirs)
        print(f"here {ours:.3f} ms, there {theirs:.3f} ms, ratio {ratios[-1]:.3f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
