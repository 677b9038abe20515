"""drt-core, a reverse-ETL tool that is configured in YAML, in a virtual environment of its own (`.venv-drt`)."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bench.applicants import INTEGRATION, JOB, body
from kombo_sandbox.testing import API_KEY

COMMAND = Path(__file__).parents[1] / ".venv-drt" / "bin" / "drt"
_FILES = {
    "drt_project.yml": 'name: bench\nversion: "0.1"\nprofile: bench\n',
    ".drt/profiles.yml": "bench:\n  type: sqlite\n  database: {folder}/people.db\n",
    "syncs/people.yml": """\
name: people
model: ref('people')
destination:
  type: rest_api
  url: "{url}/ats/jobs/{job}/applications"
  headers:
    Content-Type: application/json
    X-Integration-Id: "{integration}"
    Authorization: "Bearer {key}"
  body_template: "{{{{ row.body }}}}"
sync:
  mode: full
  batch_size: 1000
  rate_limit: {{requests_per_second: 100000}}
  retry: {{max_attempts: {attempts}, initial_backoff: 0.1, max_backoff: 1.0}}
  on_error: skip
""",
}


def is_installed() -> bool:
    """Tell whether `make bench` could install it."""
    return COMMAND.exists()


def run(url: str, rows: Sequence[tuple[str, ...]], *, retries: bool = False) -> None:
    """Send all rows, one after the other as it does; its failures are in the sandbox's books."""
    with tempfile.TemporaryDirectory(prefix="kombo-bench-drt-") as folder:
        values = {"folder": folder, "url": url, "job": JOB, "integration": INTEGRATION, "key": API_KEY}
        for name, content in _FILES.items():
            file = Path(folder) / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content.format(**values, attempts=4 if retries else 1))
        with closing(sqlite3.connect(f"{folder}/people.db")) as database, database:
            database.execute("CREATE TABLE people (body TEXT)")
            database.executemany("INSERT INTO people VALUES (?)", [(json.dumps(body(row)),) for row in rows])
        subprocess.run(
            [COMMAND, "run"], cwd=folder, env={**os.environ, "HOME": folder}, capture_output=True, check=False
        )
