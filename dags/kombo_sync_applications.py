"""Airflow DAG: what became of the applications that went into Kombo."""

from kombo_provider.pipeline import kombo_sync_dag

dag = kombo_sync_dag(
    dag_id="kombo_sync_applications",
    models=("applications", "candidates"),
    source="demo.applicants",
    write_back_table="applicants",
    tags=["kombo"],
)
