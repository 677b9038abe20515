"""Airflow DAG: the shape of a push, of tasks that do nothing. Only the benchmark runs it."""

from __future__ import annotations

from airflow.sdk import dag, task


@dag(schedule=None)
def empty_tasks() -> None:
    """Do nothing; no lane is found, so that the mapped task is skipped as that of a push is."""

    @task
    def stage() -> list[str]:
        return []

    @task
    def deliver(lane: str) -> None:
        """Do nothing."""

    @task(trigger_rule="all_done")
    def nothing() -> None:
        """Do nothing."""

    delivered = deliver.expand(lane=stage())
    delivered >> nothing.override(task_id="write_back")() >> nothing.override(task_id="report")()
    delivered >> nothing.override(task_id="next")()


empty_tasks()
