"""Operators for one applicant go through the ledger: trying again never sends twice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kombo_provider.errors import InDoubtError, NotDeliveredError
from kombo_provider.operators import KomboCreateApplicationOperator, KomboCreateCandidateOperator
from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import Warehouse

INTEGRATION = "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"
CREATE = {"application": KomboCreateApplicationOperator, "candidate": KomboCreateCandidateOperator}


def operator(endpoint: str = "application", **changes: Any) -> Any:
    candidate = {
        "first_name": "{{ params.first }}",
        "last_name": "Lovelace",
        "email_address": "ada@example.com",
        "location": {"country": "GB"},
    } | changes
    return CREATE[endpoint](
        task_id="create",
        source="desk",
        applicant_id="42",
        integration_id=INTEGRATION,
        job_id="remote:77",
        body={"candidate": candidate},
    )


def context(run_id: str = "run") -> Any:
    ti = SimpleNamespace(dag_id="dag", task_id="create", map_index=-1)
    return {"ti": ti, "dag_run": SimpleNamespace(run_id=run_id), "params": {"first": "Ada"}}


@pytest.mark.parametrize("endpoint", ["application", "candidate"])
def test_a_retried_task_returns_the_stored_ids_and_sends_nothing(
    endpoint: str, warehouse: Warehouse, sandbox: Sandbox
) -> None:
    first = operator(endpoint).execute(context())
    again = operator(endpoint).execute(context("another run"))
    assert first == again
    assert all(first.values())
    assert list(sandbox.creates().values()) == [1]


def test_the_body_is_rendered_inside_the_task_and_stands_in_no_template_field(warehouse: Warehouse) -> None:
    task = operator()
    assert "body" not in task.template_fields
    task.execute(context())
    assert task.body["candidate"]["first_name"] == "{{ params.first }}"


def test_an_applicant_in_doubt_fails_without_sending(warehouse: Warehouse, sandbox: Sandbox) -> None:
    sandbox.faults([{"kind": "write_no_answer", "count": 1, "seconds": 0.1}])
    for _ in range(2):
        with pytest.raises(InDoubtError, match="Applicant 42 of greenhouse") as raised:
            operator().execute(context())
        assert "ada@example.com" not in str(raised.value)
    assert list(sandbox.creates().values()) == [1]


def test_an_invalid_applicant_is_named_with_its_reasons_and_without_its_values(warehouse: Warehouse) -> None:
    with pytest.raises(NotDeliveredError, match="candidate__email_address") as raised:
        operator(email_address="nobody").execute(context())
    assert "nobody" not in str(raised.value)


def test_a_refused_applicant_names_the_code_and_is_sent_again_when_it_changes(
    warehouse: Warehouse, sandbox: Sandbox
) -> None:
    sandbox.faults([{"kind": "error", "code": "ATS.JOB_CLOSED", "count": 1}])
    for _ in range(2):
        with pytest.raises(NotDeliveredError, match=r"ATS\.JOB_CLOSED"):
            operator().execute(context())
    assert operator(title="Countess").execute(context())["kombo_application_id"]
