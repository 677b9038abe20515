"""How the tasks of a push are tried again, and which errors no further try would mend."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.definitions._internal.contextmanager import DagContext

from kombo_provider.errors import (
    AccountError,
    ConfigurationError,
    ConfirmationRequiredError,
    LaneBlockedError,
    LedgerRefusedError,
    SourceError,
    SourceUnavailableError,
    TargetUnavailableError,
    TurnOverError,
    WriteBackError,
)

FAIL_AT_ONCE = ExceptionRetryPolicy(
    rules=[
        # The first that matches decides, and these two are of classes that fail at once.
        RetryRule(exception=[SourceUnavailableError, TargetUnavailableError], action=RetryAction.RETRY),
        RetryRule(
            exception=[
                ConfigurationError,
                SourceError,
                WriteBackError,
                ConfirmationRequiredError,
                LedgerRefusedError,
                AccountError,
                LaneBlockedError,
                TurnOverError,
            ],
            action=RetryAction.FAIL,
            reason="A person, or the next run, has to act first; trying again would change nothing",
        ),
    ]
)
"""Airflow's retries are for what may pass by itself; everything else fails at the first try."""


def retries() -> dict[str, Any]:
    """Return how the tasks are tried again, as far as the DAG's `default_args` do not say it."""
    dag = DagContext.get_current_dag()
    given = dag.default_args if dag is not None else {}
    ours = {
        "retries": 3,
        "retry_delay": timedelta(seconds=20),
        "retry_exponential_backoff": 3.0,
        "max_retry_delay": timedelta(minutes=10),
        "retry_policy": FAIL_AT_ONCE,
    }
    return {name: value for name, value in ours.items() if name not in given}
