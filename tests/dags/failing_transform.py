"""An Airflow DAG whose transform fails on a value."""

from __future__ import annotations

import pandas as pd

from kombo_provider.pipeline import kombo_push_dag


def shout(frame: pd.DataFrame) -> pd.DataFrame:
    """Raise an error that quotes an applicant, as many a function does."""
    raise ValueError(f"could not convert {frame['candidate__first_name'].iloc[0]!r}")


dag = kombo_push_dag(
    dag_id="failing_transform",
    source="demo.applicants",
    extract_sql="include/sql/extract_applicants.sql",
    write_back_table="applicants",
    transform=shout,
)
