"""What the tasks of a push share: their settings, and which rows a run may send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from kombo_provider.operators.run_params import RunKind, RunParams
from kombo_provider.operators.settings import LEDGER_FIELDS, PushSettings

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.openlineage.extractors import OperatorLineage

    from kombo_provider.ledger.selection import Selection

SAME_PERSON_KEY = "same_person"
"""XCom in which `stage` leaves how many rows are of the same person as another, and the keys of the first."""

COUNTS_KEY = "counts"
"""XCom in which `stage` leaves what became of each row."""

BEGAN_KEY = "began"
"""XCom in which `stage` leaves when it began, as ISO text: the run's time counts from there."""


NOT_FOUND_KEY = "not_found"
"""XCom in which tasks leave, for params of the run, how many of the things asked for were not found, of how many."""

LEFT_KEY = "left"
"""XCom in which `deliver` leaves how many rows of which integration wait for the next run by plan."""


NAME_TEMPLATE = "{{ task.shown_as() }}"
"""How Airflow names a task of a push: it asks before the task and again after it, also where it failed."""

SHOWN_AT_MOST = 200


class PushOperator(BaseOperator):
    """Base of a push's operators: carries the pipeline's settings, which hold no secret and no applicant.

    Its template fields are not rendered for the work: Airflow keeps and shows them, so a ledger is found through them.
    """

    template_fields: Sequence[str] = LEDGER_FIELDS

    said: str = ""
    """What the task did, in a few words with numbers, once it did it."""

    def __init__(self, *, push: PushSettings, **kwargs: Any) -> None:
        kwargs.setdefault("map_index_template", NAME_TEMPLATE)
        super().__init__(**kwargs)
        self.push = push
        self.source = push.source
        self.kombo_conn_id = push.connections.kombo_conn_id
        self.ledger_conn_id = push.connections.ledger
        self.ledger_schema = push.connections.ledger_schema

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return what the task read and wrote, as OpenLineage's provider asks; None without that package."""
        from kombo_provider.operators import lineage

        if not lineage.is_installed():
            return None
        return lineage.lineage(*self.datasets())

    def datasets(self) -> tuple[list[Dataset], list[Dataset]]:
        """Return what the task read and what it wrote, by name."""
        return [], []

    def shown_as(self) -> str:
        """Return the task's name in the run's list of tasks."""
        return self.said[:SHOWN_AT_MOST]


def selection_of(push: PushSettings, params: RunParams, run: RunKind) -> Selection:
    """Return which `ready` rows the run may send."""
    from kombo_provider.ledger.selection import Selection

    # Which rows a limit lets through is decided while they are staged, so only those of this run may leave.
    staged_by = None
    if params.narrowing.limit is not None:
        staged_by = run.ref
    return Selection(
        source=push.source,
        kombo_conn_id=push.connections.kombo_conn_id,
        applicant_ids=tuple(sorted(params.narrowing.applicant_ids)),
        staged_by=staged_by,
    )


def named(integration_ids: Sequence[str]) -> str:
    """Name a group of integrations in a few words."""
    first, *others = integration_ids
    if not others:
        return first
    return f"{first} and {len(others)} more"
