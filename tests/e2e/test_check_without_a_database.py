"""`airflow kombo check` runs where there is neither Airflow's database nor the warehouse: in a team's CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

ROWS = """applicant_id,integration_id,job_id,candidate__first_name,candidate__last_name,candidate__email_address
a-1,greenhouse:demo,remote:1,Ada,Doe,ada@example.com
"""


def test_the_command_needs_no_database(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    nowhere = "postgresql+psycopg2://nobody:nothing@127.0.0.1:1/nowhere"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": nowhere,
    }
    command = ["check", "kombo_push_applicants", "--rows", str(tmp_path / "rows.csv"), "--output", "csv"]
    airflow = Path(sys.executable).with_name("airflow")
    done = subprocess.run([airflow, "kombo", *command], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "1,a-1,ready,,"
