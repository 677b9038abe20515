"""A mistake in a factory's arguments is found when the DAG file is parsed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG

from kombo_provider.errors import ConfigurationError
from kombo_provider.pipeline import kombo_push, kombo_push_dag

GIVEN: dict[str, Any] = {"dag_id": "d", "source": "s", "extract_sql": "SELECT 1", "write_back_table": None}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lookback", timedelta(days=-1)),
        ("lookback", 1),
        ("lookback", None),
        ("source_timezone", "Europe/Berlinn"),
        ("source_timezone", None),
        ("source_timezone", "../etc/passwd"),
        ("max_failed_share", 5),
        ("max_failed_share", -0.1),
        ("max_failed_share", float("nan")),
        ("max_failed_share", "5%"),
        ("min_failed", -1),
        ("min_failed", 2.5),
        ("approve_above", "many"),
        ("keep_failed_payload_days", -3),
        ("write_back_key", {"applicant": "id"}),
        ("write_back_key", {"integration_id": "id"}),
        ("write_back_key", {}),
        ("write_back_key", ""),
        ("write_back_key", None),
        ("write_back_key", {"applicant_id": "id", "integration_id": "id"}),
        ("write_back_key", {"applicant_id": " "}),
        ("write_back_table", ""),
        ("write_back_table", 7),
        ("extract_sql", None),
        ("extract_sql", " "),
        ("kombo_conn_id", None),
        ("warehouse_conn_id", ""),
        ("ledger_conn_id", 5),
        ("ledger_schema", ""),
        ("sql_folder", 5),
        ("transform", "clean"),
        ("show_sql", "no"),
        ("attachment_roots", None),
        ("attachment_roots", [None]),
        ("attachment_roots", ("",)),
        ("extra_fields", (7,)),
        ("endpoint", ["application"]),
        ("first_run", None),
        ("endpoint", "candidates"),
        ("in_doubt", "send"),
        ("extra_fields", "candidate__x"),
        ("source", " "),
        ("source", None),
    ],
)
def test_an_argument_that_cannot_be_meant_is_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        kombo_push_dag(**GIVEN | {name: value})


def test_retries_of_the_dag_are_honoured() -> None:
    dag = kombo_push_dag(**GIVEN, default_args={"retries": 0, "retry_delay": timedelta(seconds=7)})
    stage = dag.get_task("stage")
    assert (stage.retries, stage.retry_delay) == (0, timedelta(seconds=7))


def test_retries_of_a_dag_of_ones_own_are_honoured_in_its_group() -> None:
    with DAG("mine", schedule=None, default_args={"retries": 0}) as dag:
        kombo_push(**{name: value for name, value in GIVEN.items() if name != "dag_id"})
    assert {task.task_id: task.retries for task in dag.tasks} == dict.fromkeys(dag.task_ids, 0)


def test_every_dag_of_a_factory_bears_the_tag() -> None:
    assert kombo_push_dag(**GIVEN, tags=["crm"]).tags == {"crm", "kombo"}


@pytest.mark.parametrize("factory", [kombo_push_dag, kombo_push])
@pytest.mark.parametrize("name", ["source", "extract_sql", "write_back_table"])
def test_a_missing_argument_is_named(factory: Any, name: str) -> None:
    given = {given: value for given, value in GIVEN.items() if given not in (name, "dag_id")}
    own = {"dag_id": "d"} if factory is kombo_push_dag else {}
    with pytest.raises(TypeError, match=name):
        factory(**own, **given)


@pytest.mark.parametrize("factory", [kombo_push_dag, kombo_push])
def test_an_unknown_argument_is_named(factory: Any) -> None:
    given = GIVEN if factory is kombo_push_dag else {n: value for n, value in GIVEN.items() if n != "dag_id"}
    with pytest.raises(TypeError, match="min_faled"):
        factory(**given, min_faled=3)
