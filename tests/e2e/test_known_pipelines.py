"""The page and the commands know the pipelines that Airflow stored, whatever else is stored beside them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.models.dag import DagModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from sqlalchemy import update

from kombo_provider.cli.ledgers import at_each, ledger_places
from kombo_provider.deployment import KnownPipelines, stored_dags, stored_versions
from kombo_provider.operators.create import KomboCreateApplicationOperator


def store(dag_id: str, *sources: str) -> None:
    """Store a DAG with a task for each source, as the DAG processor does."""
    with DAG(dag_id, schedule=None) as dag:
        for number, source in enumerate(sources):
            KomboCreateApplicationOperator(task_id=f"t{number}", source=source, applicant_id="1", job_id="j", body={})
    manager = DagBundlesManager()
    manager.sync_bundles_to_db()
    bundle = next(iter(manager.get_all_dag_bundles()))
    with create_session() as session:
        session.merge(DagModel(dag_id=dag_id, bundle_name=bundle.name, fileloc=dag.fileloc, is_stale=False))
        session.flush()
        SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), bundle_name=bundle.name, session=session)


def test_what_changes_with_each_storing_and_what_is_gone() -> None:
    store("known_one", "crm.a")
    store("known_two", "crm.a")
    before = stored_versions()
    assert set(stored_dags(["known_one", "nobody"])) == {"known_one"}

    store("known_one", "crm.a", "crm.b")
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "known_two").values(is_stale=True))
    after = stored_versions()

    assert after["known_one"] != before["known_one"]
    assert "known_two" not in after
    found = stored_dags(["known_one", "known_two"])
    assert {name: sorted(dag.task_dict) for name, dag in found.items()} == {"known_one": ["t0", "t1"]}


@pytest.fixture
def foreign_dag() -> Any:
    """Store a DAG of another team, whose timetable is of a plugin that is not installed here."""
    store("foreign")
    with create_session() as session:
        _exchange_timetable(session, {"__type": "teams.plugin.WorkdayTimetable", "__var": {}})
    yield "foreign"
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "foreign").values(is_stale=True))


def _exchange_timetable(session: Any, timetable: dict[str, Any]) -> None:
    [row] = SerializedDagModel.get_latest_serialized_dags(dag_ids=["foreign"], session=session)
    data = json.loads(json.dumps(row.data))
    data["dag"]["timetable"] = timetable
    here = SerializedDagModel.id == row.id
    session.execute(update(SerializedDagModel).where(here).values(_data=data))


def test_a_dag_whose_timetable_is_not_installed_here_keeps_no_pipeline_from_the_page(foreign_dag: str) -> None:
    store("known_one", "crm.a")
    known = KnownPipelines()
    assert "known_one" in [pipeline.dag_id for pipeline in known.all()]
    assert known.unread() == [foreign_dag]


def test_a_command_names_a_dag_that_cannot_be_read_and_does_the_rest(
    foreign_dag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store("known_one", "crm.a")
    places = ledger_places(None)
    assert "known_one" in {dag_id for place in places for dag_id in place.dag_ids}
    unknown = [place for place in places if place.unreadable]
    with pytest.raises(
        SystemExit, match=r"Not reached:\nDAG foreign: it cannot be read here \(TimetableNotRegistered\)"
    ):
        at_each(unknown, lambda _ledger, place: print(place))

    [only] = ledger_places("known_one")
    assert only.dag_ids == {"known_one"}
    [only] = ledger_places(foreign_dag)
    assert only.unreadable == "TimetableNotRegistered"
