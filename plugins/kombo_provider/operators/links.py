"""Links from a task in Airflow's UI to Kombo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from kombo_provider.errors import ApiError

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class KomboLogLink(BaseOperatorLink):
    """Leads to Kombo's log page of a request that failed in the task; no link where none did."""

    name = "Kombo log"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - signature
        """Return the page that the task remembered while it ran."""
        return getattr(operator, "kombo_log_url", None) or ""


class KomboPageLink(BaseOperatorLink):
    """Leads to the page *Kombo*: to the lane that stopped in the task, else to the overview."""

    name = "Kombo page"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address where the worker knows Airflow's, else one relative to it, which the UI resolves."""
        query = {"dag": ti_key.dag_id, "source": getattr(operator, "source", "")}
        stopped = getattr(getattr(operator, "report", None), "stopped", None)
        if stopped:
            query["lane"] = stopped[0]
        base_url = conf.get("api", "base_url", fallback="")
        page = f"plugin/kombo?{urlencode(query)}"
        return f"{base_url.rstrip('/')}/{page}" if base_url else page


class HasLogUrl(Protocol):
    """An operator that KomboLogLink can ask."""

    kombo_log_url: str | None


@contextmanager
def remember_log_url(operator: HasLogUrl) -> Iterator[None]:
    """Keep the log page of an error that Kombo answers inside the block."""
    try:
        yield
    except ApiError as exc:
        operator.kombo_log_url = exc.log_url
        raise
