"""What tasks tell Airflow's metrics, by names that docs/monitoring.md lists; nothing leaves where they are off.

Tags are few and bounded: a DAG's id and a status. Integrations and codes come with the rows, without end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from airflow.sdk.observability import stats

ROWS: Final = "kombo.rows"
REQUEST_DURATION: Final = "kombo.request_duration"
IN_DOUBT: Final = "kombo.in_doubt"
LANES_STOPPED: Final = "kombo.lanes_stopped"

TAGS: Final = {
    ROWS: ("dag_id", "status"),
    REQUEST_DURATION: ("dag_id",),
    IN_DOUBT: ("dag_id",),
    LANES_STOPPED: ("dag_id",),
}

_UNSAFE_IN_TAG = re.compile(r"[^a-zA-Z0-9_.-]")


def count_rows(dag_id: str, by_status: Mapping[str, int]) -> None:
    """Count rows that got a status in this task."""
    from kombo_provider.ledger import COUNTED

    for status in COUNTED:
        if rows := by_status.get(status, 0):
            stats.incr(ROWS, rows, tags=_tags(ROWS, dag_id, status))


def times_requests(dag_id: str) -> Callable[[float], None]:
    """Return what takes in how many seconds a request to Kombo lasted; threads may call it."""
    tags = _tags(REQUEST_DURATION, dag_id)
    return lambda seconds: stats.timing(REQUEST_DURATION, seconds * 1000, tags=tags)


def gauge_what_stands(dag_id: str, *, in_doubt: int, lanes_stopped: int) -> None:
    """Say how many rows of the source are in doubt, and how many lanes of its connection stand still."""
    stats.gauge(IN_DOUBT, in_doubt, tags=_tags(IN_DOUBT, dag_id))
    stats.gauge(LANES_STOPPED, lanes_stopped, tags=_tags(LANES_STOPPED, dag_id))


def _tags(metric: str, *values: str) -> dict[str, str]:
    """Airflow drops a whole metric for one character of a tag that its backends take for a separator."""
    return {name: _UNSAFE_IN_TAG.sub("_", value) for name, value in zip(TAGS[metric], values, strict=True)}
