"""Airflow DAG: looks up what became of requests to Kombo that were never answered."""

from kombo_provider.pipeline import kombo_resolve_dag

dag = kombo_resolve_dag(
    dag_id="kombo_resolve_in_doubt",
    source="demo.applicants",
    write_back_table="applicants",
    write_back_key="applicant_id",
    tags=["kombo"],
)
