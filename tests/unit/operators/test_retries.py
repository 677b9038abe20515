"""Which errors Airflow's own retries are for."""

from __future__ import annotations

import pytest
from airflow.sdk import RetryAction

from kombo_provider import errors
from kombo_provider.operators.retries import FAIL_AT_ONCE


def _action(error: type[Exception]) -> RetryAction:
    return FAIL_AT_ONCE.evaluate(error("what failed"), try_number=1, max_tries=3).action


@pytest.mark.parametrize(
    "error", [errors.SourceError, errors.WriteBackError, errors.LedgerRefusedError, errors.UnsupportedLedgerError]
)
def test_a_typo_fails_at_once(error: type[Exception]) -> None:
    assert _action(error) is RetryAction.FAIL


@pytest.mark.parametrize("error", [errors.SourceUnavailableError, errors.TargetUnavailableError, errors.LedgerError])
def test_a_server_that_is_away_is_tried_again(error: type[Exception]) -> None:
    assert _action(error) in (RetryAction.RETRY, RetryAction.DEFAULT)
