"""What the operators that send have in common."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import uuid4

from kombo_provider.operators.sending import holder_name


def test_two_installations_with_equal_ids_have_different_names_and_a_cleared_try_keeps_its_own() -> None:
    run = SimpleNamespace(run_id="scheduled__1")
    here, there = (
        SimpleNamespace(dag_id="push", task_id="deliver", map_index=0, dag_version_id=uuid4()) for _ in range(2)
    )

    assert holder_name({"ti": here, "dag_run": run}) != holder_name({"ti": there, "dag_run": run})
    assert holder_name({"ti": here, "dag_run": run}) == holder_name({"ti": here, "dag_run": run})
