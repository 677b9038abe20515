"""Airflow DAG: an example, a small mart downstream of Kombo: how many hires came of each customer's applicants.

It starts when ids were written back, and when a sync has pulled something new.
"""

from __future__ import annotations

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, Asset

CREATE = """
CREATE TABLE IF NOT EXISTS hires_by_customer (
    source TEXT NOT NULL, integration_id TEXT NOT NULL, sent INTEGER, delivered INTEGER, hired INTEGER,
    declined INTEGER, days_to_hire DOUBLE PRECISION, PRIMARY KEY (source, integration_id)
)
"""
EMPTY = "DELETE FROM hires_by_customer"
FILL = """
INSERT INTO hires_by_customer
SELECT source, integration_id, SUM(sent), SUM(delivered), SUM(hired), SUM(declined),
       SUM(days_to_hire * hired) / NULLIF(SUM(hired), 0)
FROM kombo_funnel
GROUP BY source, integration_id
"""

with DAG(
    dag_id="kombo_hires_mart",
    schedule=Asset.ref(name="kombo_applicant_ids") | Asset.ref(name="kombo_applications"),
    max_active_runs=1,
    doc_md=__doc__,
    tags=["kombo", "example"],
) as dag:
    SQLExecuteQueryOperator(task_id="build", conn_id="warehouse_default", sql=[CREATE, EMPTY, FILL])
