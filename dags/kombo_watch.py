"""Airflow DAG: tells of Kombo lanes and pipelines that do not do what they should; without notifiers, in its log."""

from kombo_provider.pipeline import kombo_watch_dag

dag = kombo_watch_dag(dag_id="kombo_watch", notifiers=[], tags=["kombo"])
