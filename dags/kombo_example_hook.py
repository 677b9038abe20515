"""Airflow DAG: an example, KomboHook in a task of one's own: how many jobs are open in each integration.

The hook reads page after page and repeats what is harmless to repeat. A create made with it goes around the ledger:
for those there are the operators.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from kombo_provider.hooks.kombo import KomboHook

INTEGRATIONS = [
    "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js",
    "workday:HWUTwvyx2wLoSUHphiWVrp28",
    "personio:8Kd3WmZx5RtQpLv2NfYh7GcB",
]


@task
def count_open_jobs(params: dict[str, Any] | None = None) -> dict[str, int]:
    """Return the number of open jobs by integration."""
    hook = KomboHook()
    asked = (params or {})["integration_ids"]
    return {integration: sum(1 for _ in hook.jobs(integration, statuses=["OPEN"])) for integration in asked}


with DAG(
    dag_id="kombo_example_hook",
    schedule=None,
    params={"integration_ids": Param(INTEGRATIONS, type="array", items={"type": "string"})},
    doc_md=__doc__,
    tags=["kombo", "example"],
) as dag:
    count_open_jobs()
