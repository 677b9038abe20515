"""Airflow DAGs: a push as users have it, one for each ledger. Only the benchmark runs them."""

from __future__ import annotations

import os

from bench.applicants import COLUMNS, SOURCE
from kombo_provider.pipeline import kombo_push_dag

for ledger in os.environ["KOMBO_BENCH_LEDGERS"].split():
    kombo_push_dag(
        dag_id=f"push_{ledger}",
        source=SOURCE,
        extract_sql=f"SELECT {', '.join(COLUMNS)} FROM people",
        warehouse_conn_id=ledger,
        write_back_table="people",
        write_back_key="applicant_id",
        schedule=None,
    )
