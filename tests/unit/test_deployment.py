"""What Airflow knows of our pipelines is read again only where it changed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from kombo_provider.deployment import KnownPipelines, Pipeline
from kombo_provider.operators.create import KomboCreateApplicationOperator
from kombo_provider.operators.settings import Connections, WatchSettings
from kombo_provider.operators.watch import KomboWatchOperator


def push_dag(dag_id: str, source: str = "crm.applicants") -> Any:
    with DAG(dag_id, schedule=None) as dag:
        KomboCreateApplicationOperator(task_id="t", source=source, applicant_id="1", job_id="j", body={})
        KomboWatchOperator(task_id="w", watch=WatchSettings())
    return dag


class SomebodyElsesOperator(EmptyOperator):
    """Has a field that is called like one of ours."""

    template_fields = ("watches",)
    watches = "birds"


class Stored:
    """DAGs as Airflow stores them, and which of them were read."""

    def __init__(self) -> None:
        self.dags: dict[str, Any] = {}
        self.versions: dict[str, object] = {}
        self.read: list[list[str]] = []

    def store(self, dag: Any) -> None:
        self.dags[dag.dag_id] = dag
        self.versions[dag.dag_id] = object()

    def store_unreadable(self, name: str) -> None:
        """Store a DAG that cannot be read here, as Airflow's own reading then leaves it out."""
        self.dags.pop(name, None)
        self.versions[name] = object()

    def known(self, seconds: float = 0.0, unread_seconds: float = 3600.0) -> KnownPipelines:
        def read(names: Collection[str]) -> dict[str, Any]:
            self.read.append(sorted(names))
            return {name: self.dags[name] for name in names if name in self.dags}

        return KnownPipelines(read, lambda: dict(self.versions), seconds=seconds, unread_seconds=unread_seconds)


@pytest.fixture
def stored() -> Stored:
    stored = Stored()
    for name in ("b", "a"):
        stored.store(push_dag(name))
    return stored


def sources(pipelines: list[Pipeline]) -> list[tuple[str, str]]:
    return [(pipeline.dag_id, pipeline.source) for pipeline in pipelines]


def test_a_dag_is_read_once_and_again_only_where_it_was_stored_anew(stored: Stored) -> None:
    known = stored.known()
    assert sources(known.all()) == [("a", "crm.applicants"), ("b", "crm.applicants")]
    assert known.all() == known.all()
    stored.store(push_dag("b", "crm.agencies"))
    stored.store(push_dag("c"))

    assert sources(known.all()) == [("a", "crm.applicants"), ("b", "crm.agencies"), ("c", "crm.applicants")]
    assert stored.read == [["a", "b"], ["b", "c"]]


def test_a_dag_whose_file_is_gone_is_no_pipeline_any_more_and_nothing_is_read_for_it(stored: Stored) -> None:
    known = stored.known()
    [first, _] = known.all()
    assert [watch.dag_id for watch in known.watches_of(first)] == ["a", "b"]
    del stored.versions["b"]

    assert sources(known.all()) == [("a", "crm.applicants")]
    assert [watch.dag_id for watch in known.watches_of(first)] == ["a"]
    assert stored.read == [["a", "b"]]


def test_within_its_seconds_nothing_is_looked_at(stored: Stored) -> None:
    known = stored.known(seconds=3600)
    known.all()
    stored.store(push_dag("c"))

    assert sources(known.all()) == [("a", "crm.applicants"), ("b", "crm.applicants")]


def test_a_dag_that_cannot_be_read_is_named_and_read_again_only_once_it_is_stored_anew(stored: Stored) -> None:
    stored.store_unreadable("b")
    known = stored.known()
    assert sources(known.all()) == [("a", "crm.applicants")]
    assert (known.unread(), known.all()) == (["b"], known.all())
    assert stored.read == [["a", "b"]]

    stored.store(push_dag("b"))
    assert sources(known.all()) == [("a", "crm.applicants"), ("b", "crm.applicants")]
    assert known.unread() == []


def test_a_dag_that_could_not_be_read_for_a_moment_is_found_later(stored: Stored) -> None:
    dag = stored.dags.pop("b")
    known = stored.known(unread_seconds=0.0)
    assert known.unread() == ["b"]
    stored.dags["b"] = dag
    assert sources(known.all()) == [("a", "crm.applicants"), ("b", "crm.applicants")]
    assert stored.read == [["a", "b"], ["b"]]


def test_an_operator_with_a_field_like_the_watchs_hides_no_pipeline(stored: Stored) -> None:
    with DAG("birds", schedule=None) as dag:
        SomebodyElsesOperator(task_id="t")
    stored.store(dag)
    known = stored.known()
    [first, _] = known.all()
    assert [watch.dag_id for watch in known.watches_of(first)] == ["a", "b"]
    assert known.unread() == []


def test_two_watches_of_one_dag_that_differ_in_the_schema_hide_no_pipeline(stored: Stored) -> None:
    in_a_schema = WatchSettings(connections=Connections(ledger_schema="kombo"))
    with DAG("watches", schedule=None) as dag:
        KomboWatchOperator(task_id="one", watch=WatchSettings())
        KomboWatchOperator(task_id="two", watch=in_a_schema)
    stored.store(dag)
    known = stored.known()
    [first, _] = known.all()
    assert [watch.dag_id for watch in known.watches_of(first)] == ["a", "b", "watches"]


def test_a_dag_that_stumbles_when_it_is_looked_through_is_passed_over(stored: Stored) -> None:
    class Odd:
        dag_id = "odd"

        @property
        def task_dict(self) -> dict[str, Any]:
            raise AttributeError("no such field")

    stored.store(Odd())
    known = stored.known()
    assert sources(known.all()) == [("a", "crm.applicants"), ("b", "crm.applicants")]
    assert known.unread() == ["odd"]
