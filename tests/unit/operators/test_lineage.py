"""Lineage where OpenLineage's packages are missing: nothing is told, and nothing fails."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from kombo_provider.pipeline import kombo_push_dag


@pytest.fixture
def _without_openlineage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python takes a module that is None for one that is not installed."""
    for name in [one for one in sys.modules if one.startswith(("airflow.providers.openlineage", "openlineage"))]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("airflow.providers.openlineage", "openlineage"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("_without_openlineage")
def test_each_task_of_a_push_tells_nothing_where_openlineage_is_not_installed() -> None:
    with pytest.raises(ModuleNotFoundError):
        __import__("airflow.providers.openlineage.extractors")
    dag = kombo_push_dag(
        dag_id="push", source="crm.applicants", extract_sql="SELECT 1 AS applicant_id", write_back_table=None
    )
    asked: dict[str, Any] = {}
    for task_id in sorted(dag.task_ids):
        task: Any = dag.get_task(task_id)
        kind = getattr(task, "operator_class", type(task))
        tells = getattr(kind, "get_openlineage_facets_on_complete", None)
        if tells is not None:
            asked[task_id] = tells(task, None)
    assert {"stage", "deliver", "write_back", "report"} <= asked.keys()
    assert set(asked.values()) == {None}
