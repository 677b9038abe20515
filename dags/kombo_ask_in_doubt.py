"""Airflow DAG: asks a person about requests to Kombo that no look-up settled."""

from kombo_provider.pipeline import kombo_ask_dag

dag = kombo_ask_dag(dag_id="kombo_ask_in_doubt", source="demo.applicants", tags=["kombo"])
