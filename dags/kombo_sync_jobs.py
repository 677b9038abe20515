"""Airflow DAG: the jobs of every ATS with their stages and screening questions, for whoever writes the SELECT."""

from kombo_provider.pipeline import kombo_sync_dag

dag = kombo_sync_dag(dag_id="kombo_sync_jobs", models=("jobs",), schedule="@daily", tags=["kombo"])
