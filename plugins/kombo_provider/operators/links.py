"""Links from a task in Airflow's UI to Kombo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class KomboLogLink(BaseOperatorLink):
    """Leads to Kombo's log page of a request that failed in the task; no link where none did."""

    name = "Kombo log"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - signature
        """Return the page that the task remembered while it ran."""
        return getattr(operator, "kombo_log_url", None) or ""
