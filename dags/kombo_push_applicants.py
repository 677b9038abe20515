"""Airflow DAG: the applicants of the demo warehouse into Kombo, every hour."""

from kombo_provider.pipeline import kombo_push_dag

dag = kombo_push_dag(
    dag_id="kombo_push_applicants",
    source="demo.applicants",
    extract_sql="include/sql/extract_applicants.sql",
    write_back_table="applicants",
    write_back_key="applicant_id",
    schedule="@hourly",
    first_run="all",
    tags=["kombo"],
)
