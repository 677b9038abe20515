"""The obvious DAG: one mapped task for each applicant. Only the benchmark runs it."""

from __future__ import annotations

import os

from airflow.sdk import dag, task


@dag(schedule=None)
def one_task_each() -> None:
    """Send applicants, each in a task of its own."""

    @task
    def send(number: int) -> None:
        from bench import applicants, peers

        (row,) = applicants.rows(number + 1)[-1:]
        if peers.requests_loop(os.environ["KOMBO_BENCH_URL"], [row], 1, 60.0):
            raise RuntimeError("an applicant failed without any fault")

    send.expand(number=list(range(int(os.environ["KOMBO_BENCH_ROWS"]))))


one_task_each()
