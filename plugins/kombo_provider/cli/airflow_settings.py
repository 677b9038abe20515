"""Settings of Airflow and of a DAG that would hurt a push: each is said with what to set instead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.configuration import conf

from kombo_provider.cli.examining import PROBLEM, WARNING, Finding

if TYPE_CHECKING:
    from airflow.sdk import DAG

_ONE_CALL = timedelta(minutes=10)
"""A `deliver` takes no new row after `run_for`, then waits for the answers it is owed."""

_GROUPS_AT_MOST = 64
# Airflow's own default: the scheduler takes so many runs per round, also those that only wait for a person.
_RUNS_LOOKED_AT = 20
_REDELIVERING_BROKERS = ("redis", "rediss", "sentinel", "sqs")


def settings_that_hurt(dag: DAG, run_for: timedelta) -> Iterator[Finding]:
    """Yield what is set so that runs of the DAG, whose tasks last up to `run_for`, would be stopped or starved."""
    longest_task = run_for + _ONE_CALL
    yield from _timeouts(dag, longest_task)
    yield from _broker(longest_task)
    looked_at = conf.getint("scheduler", "max_dagruns_per_loop_to_schedule", fallback=_RUNS_LOOKED_AT)
    if looked_at < _RUNS_LOOKED_AT:
        yield Finding(
            PROBLEM,
            "[scheduler] max_dagruns_per_loop_to_schedule",
            f"It is {looked_at}: runs that wait for a person's answer would keep all others waiting. Set "
            f"it to {_RUNS_LOOKED_AT} or more.",
        )
    mapped = conf.getint("core", "max_map_length", fallback=1024)
    if mapped < _GROUPS_AT_MOST:
        yield Finding(
            PROBLEM,
            "[core] max_map_length",
            f"It is {mapped}: `deliver` is mapped over up to {_GROUPS_AT_MOST} groups, and would fail. Set it to "
            f"{_GROUPS_AT_MOST} or more.",
        )
    if not conf.get("kombo", "email_digest_secret", fallback="") and not conf.get("core", "fernet_key", fallback=""):
        yield Finding(
            WARNING,
            "[kombo] email_digest_secret",
            "Neither it nor [core] fernet_key is set: no digest of an e-mail address is kept, and `forget --email` "
            "does not find a person whose payload is emptied. Set one.",
        )


def _timeouts(dag: DAG, longest_task: timedelta) -> Iterator[Finding]:
    for task in dag.tasks:
        limit = task.execution_timeout
        if limit is not None and limit < longest_task and task.task_id.rpartition(".")[2] == "deliver":
            yield Finding(
                PROBLEM,
                f"execution_timeout of {task.task_id}",
                f"It is {limit}: Airflow would stop the task while requests are on the wire, so that rows end in "
                f"doubt. Take it away, or make it longer than {longest_task}.",
            )
    if dag.dagrun_timeout is not None and dag.dagrun_timeout < longest_task:
        yield Finding(
            PROBLEM,
            "dagrun_timeout",
            f"It is {dag.dagrun_timeout}: Airflow would stop tasks while requests are on the wire, so that rows end "
            f"in doubt. Take it away, or make it longer than {longest_task}.",
        )


def _broker(longest_task: timedelta) -> Iterator[Finding]:
    """Redis and SQS hand a task out again once it has lasted longer than the visibility timeout."""
    broker = conf.get("celery", "broker_url", fallback="").partition(":")[0].partition("+")[0]
    if "celery" not in conf.get("core", "executor", fallback="").lower() or broker not in _REDELIVERING_BROKERS:
        return
    # Airflow sets a day where nothing is set, Celery an hour.
    seconds = conf.getint("celery_broker_transport_options", "visibility_timeout", fallback=86_400)
    if timedelta(seconds=seconds) < longest_task:
        yield Finding(
            PROBLEM,
            "[celery_broker_transport_options] visibility_timeout",
            f"It is {seconds} s: a task that lasts longer is handed out again and the first one ended. Set it to "
            f"{longest_task.total_seconds():.0f} or more.",
        )
