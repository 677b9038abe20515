"""Which ledger a task uses, read from what Airflow stores of it."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from kombo_provider.deployment import ledger_fields
from kombo_provider.operators.create import KomboCreateApplicationOperator

ROW: dict[str, Any] = {"source": "crm", "job_id": "j", "body": {}}


class TeamsOwnOperator(KomboCreateApplicationOperator):
    """As a team derives it in a package of its own."""

    __module__ = "a_team.operators"


def stored(dag: DAG) -> Any:
    (task,) = DagSerialization.from_dict(DagSerialization.to_dict(dag)).task_dict.values()
    return ledger_fields(task)


def test_a_mapped_create_without_a_ledger_connection_uses_its_warehouse() -> None:
    with DAG("mapped", schedule=None) as dag:
        KomboCreateApplicationOperator.partial(task_id="create", warehouse_conn_id="crm_db", **ROW).expand(
            applicant_id=["1", "2"]
        )
    assert stored(dag)["ledger_conn_id"] == "crm_db"


def test_a_teams_own_subclass_is_found() -> None:
    with DAG("subclass", schedule=None) as dag:
        TeamsOwnOperator(task_id="create", applicant_id="1", ledger_schema="kombo", **ROW)
    found = stored(dag)
    assert (found["ledger_conn_id"], found["ledger_schema"]) == ("warehouse_default", "kombo")
