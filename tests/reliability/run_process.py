"""One process that runs the four tasks of a push, as Airflow does; started by the harness, often to be killed.

The tasks are those of a DAG that the factory built. Its leases last seconds instead of a minute, so that a round does
too. In place of Airflow stand a context, and a loop that tries a task again where Airflow would.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowRescheduleException
from sqlalchemy import make_url

import kombo_provider.report.numbers
import kombo_provider.report.verdict

# Some are imported only for the processes to be forked with them.
import kombo_provider.sending.deliver
import kombo_provider.staging.stager
import kombo_provider.write_back.write_back  # noqa: F401
from kombo_provider.errors import IncompleteRunError, KomboError
from kombo_provider.pipeline import kombo_push_dag
from kombo_provider.sending.options import Tuning
from tests.reliability import broken, points

SOURCE, DAG_ID = "people", "harness"
SELECT = (
    "SELECT id AS applicant_id, integration AS integration_id, 'remote:7' AS job_id, changed_at,"
    " 'Ada' AS candidate__first_name, 'Lovelace' AS candidate__last_name, email AS candidate__email_address FROM people"
)
TUNING = Tuning(
    states_after=0.2,
    first_pause=0.3,
    longest_pause=1.0,
    outage_pause=0.5,
    first_backoff=0.05,
    longest_backoff=0.5,
    patience=6.0,
)
TRY_AGAIN_SECONDS = 0.2
ADDS_UP_NOT = 3
"""Exit code of a run whose report does not add up."""


def main(told: dict[str, Any]) -> None:
    """Run what the harness told; the exit code is 1 where a task failed for good."""
    if not os.environ.get("KOMBO_HARNESS_LOG"):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Airflow's loggers write
    for variant in told["broken"]:
        broken.break_by(variant)
    if told["kill_at"]:
        points.kill_at(*told["kill_at"])
    os.environ["AIRFLOW_CONN_WAREHOUSE_DEFAULT"] = json.dumps(_warehouse(told["database"]))
    os.environ["AIRFLOW_CONN_KOMBO_DEFAULT"] = json.dumps(told["connection"])
    sys.exit(Run(told).play())


def _warehouse(database: str) -> dict[str, Any]:
    url = make_url(database)
    if url.get_backend_name() == "sqlite":
        return {"conn_type": "sqlite", "host": url.database}
    return {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "schema": url.database,
    }


class Run:
    """A DAG run: its tasks one after the other, each until it succeeds or fails for good."""

    def __init__(self, told: dict[str, Any]) -> None:
        dag = kombo_push_dag(
            dag_id=DAG_ID,
            source=SOURCE,
            extract_sql=SELECT,
            write_back_table="people",
            write_back_key="id",
            endpoint=told["endpoint"],
        )
        self._tasks = dag.task_dict
        lease = told["lease_seconds"]
        self._tuning = replace(TUNING, lease=lease, lease_margin=lease / 3, renew_after=lease / 6)
        self._until = time.monotonic() + told["patience_seconds"]
        self._run_id, self._backfill = told["run_id"], told["backfill"]
        self._xcom: dict[tuple[str, str], Any] = {}
        self._states: dict[str, str] = {}
        self._now: Any = None
        self._stopped = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        """What Airflow's task process does with the signal: it calls `on_kill` and nothing else."""
        self._stopped = True
        if self._now is not None:
            self._now.on_kill()

    def play(self) -> int:
        """Run the tasks; return the exit code."""
        stage, mapped = self._tasks["stage"], self._tasks["deliver"]
        groups = self._try(stage) or []
        if groups:  # one task for all lanes, as where there are more of them than tasks
            lanes = [integration_id for group in groups for integration_id in group]
            deliver = mapped.unmap({"integration_ids": lanes})
            deliver.tuning = self._tuning
            self._try(deliver)
        self._try(self._tasks["write_back"])
        try:
            self._tasks["report"].execute(  # type: ignore[union-attr]
                self._context("report")
            )
        except IncompleteRunError as exc:
            if "not accounted for" in str(exc):
                return ADDS_UP_NOT
        return int("failed" in self._states.values())

    def _try(self, task: Any) -> Any:
        self._now, self._began = task, datetime.now(UTC)
        while not self._stopped:
            try:
                result = task.execute(self._context(task.task_id))
            except AirflowRescheduleException:
                pass
            except KomboError as exc:
                decision = task.retry_policy.evaluate(exc, 1, 2)
                if decision.action is RetryAction.FAIL or time.monotonic() > self._until:
                    logging.getLogger(__name__).warning("%s failed: %s", task.task_id, exc)
                    break
            else:
                self._states[task.task_id] = "success"
                self._xcom[task.task_id, "return_value"] = result
                return result
            time.sleep(TRY_AGAIN_SECONDS)
        self._states[task.task_id] = "failed"
        return None

    def _pull(self, task_ids: str | list[str], key: str = "return_value") -> Any:
        if isinstance(task_ids, list):
            return [self._xcom.get((task_id, key)) for task_id in task_ids]
        return self._xcom.get((task_ids, key))

    def _context(self, task_id: str) -> Any:
        at = datetime.now(UTC)
        return {
            "ti": SimpleNamespace(
                dag_id=DAG_ID,
                task_id=task_id,
                map_index=0 if task_id == "deliver" else -1,
                try_number=1,
                max_tries=0,
                get_first_reschedule_date=lambda _: self._began,
                xcom_push=lambda key, value: self._xcom.update({(task_id, key): value}),
                xcom_pull=self._pull,
                get_ti_count=lambda **_: 0,
                get_task_states=lambda **_: {self._run_id: self._states},
            ),
            "dag_run": SimpleNamespace(
                conf={}, run_id=self._run_id, run_type="backfill" if self._backfill else "manual"
            ),
            "data_interval_start": at - timedelta(days=2),
            "data_interval_end": at,
            "params": {},
            "outlet_events": _Outlets(),
        }


class _Outlets(Counter[str]):
    def __missing__(self, key: object) -> Any:
        return SimpleNamespace(add=lambda *_, **__: None)
