"""Airflow DAG: a push that finds nothing to do. Only the benchmark runs it."""

from __future__ import annotations

from bench.applicants import COLUMNS, SOURCE
from kombo_provider.pipeline import kombo_push_dag

push = kombo_push_dag(
    dag_id="push",
    source=SOURCE,
    extract_sql=f"SELECT {', '.join(COLUMNS)} FROM people",
    write_back_table="people",
    write_back_key="applicant_id",
    schedule=None,
)
