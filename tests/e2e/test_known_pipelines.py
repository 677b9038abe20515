"""The page knows the pipelines that Airflow stored, and reads those anew that Airflow stored anew."""

from __future__ import annotations

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.models.dag import DagModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from sqlalchemy import update

from kombo_provider.deployment import stored_dags, stored_versions
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
