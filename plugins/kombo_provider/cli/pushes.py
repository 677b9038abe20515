"""The pushes of a DAG, with their source and ledger at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine

from kombo_provider.cli.run_context import run_context
from kombo_provider.errors import ConfigurationError
from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.ledger import Ledger, RunRef
from kombo_provider.ledger.staging import Staging
from kombo_provider.mapping import MappedRow, RowMapper, SourceRows
from kombo_provider.operators.connections import open_existing_ledger, warehouse_engine
from kombo_provider.operators.extract_sql import read_extract_sql, render_sql
from kombo_provider.operators.job_questions import question_finder
from kombo_provider.operators.settings import Connections, PushSettings
from kombo_provider.operators.stage import KomboStageOperator
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Window
from kombo_provider.staging.mapping_options import MappingOptions
from kombo_provider.staging.recognition import Recognition
from kombo_provider.staging.transform import transformed

if TYPE_CHECKING:
    from airflow.sdk import DAG


@dataclass(frozen=True, slots=True)
class OpenPush:
    """One push of a DAG, connected."""

    push: PushSettings
    ledger: Ledger
    reader: SourceReader
    mapping: MappingOptions
    dag_id: str


def pushes_of(dag_id: str) -> list[PushSettings]:
    """Return the settings of each push in a DAG; raises ConfigurationError where there is none."""
    return [stage.push for stage in stages_of(dag_id)]


def stages_of(dag_id: str) -> list[KomboStageOperator]:
    """Return the first task of each push in a DAG; raises ConfigurationError where there is none."""
    stages = [task for task in _dag(dag_id).tasks if isinstance(task, KomboStageOperator)]
    if not stages:
        raise ConfigurationError(f"DAG {dag_id!r} has no Kombo push: build it with kombo_push_dag or kombo_push.")
    return stages


def _dag(dag_id: str) -> DAG:
    """Read the DAG's file; unlike `airflow.utils.cli.get_bagged_dag`, this needs no database and writes nothing."""
    # Here and not above: they import Airflow's whole DAG processor, which most commands do without.
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

    manager = DagBundlesManager()  # type: ignore[no-untyped-call]
    for bundle in manager.get_all_dag_bundles():
        bundle.initialize()
        # A file that makes many DAGs may ask it which one is wanted, and skip the others.
        with _airflow_parsing_context_manager(dag_id=dag_id):
            bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        if dag_id in bag.dags:
            dag: DAG = bag.dags[dag_id]
            return dag
    raise ConfigurationError(
        f"DAG {dag_id!r} is in no DAG file that could be read. `airflow dags list-import-errors` shows why one failed."
    )


@contextmanager
def open_push(stage: KomboStageOperator, conf: dict[str, Any]) -> Iterator[OpenPush]:
    """Connect to a push's ledger and warehouse; the SELECT is what a run with this conf, triggered now, would read."""
    push = stage.push
    sql, where = read_extract_sql(push.extract_sql, push.defined_in, push.sql_folder)
    sql = render_sql(stage, sql, where, run_context(stage, conf))
    settings = KomboHook(push.connections.kombo_conn_id).get_settings()
    with (
        _ledger_or_empty_one(push.connections) as ledger,
        warehouse_engine(push.connections.warehouse_conn_id) as warehouse,
    ):
        reader = SourceReader(warehouse, sql, where=where)
        mapping = push.mapping(settings.integration_id, question_finder(settings))
        yield OpenPush(push, ledger, reader, mapping, stage.dag_id)


@contextmanager
def _ledger_or_empty_one(connections: Connections) -> Iterator[Ledger]:
    """Give the push's ledger, or where there is none yet an empty one that goes away: looking must not make it."""
    with warehouse_engine(connections.ledger) as engine:
        there = Ledger(engine, schema=connections.ledger_schema).exists()
    if there:
        with open_existing_ledger(connections) as ledger:
            yield ledger
        return
    with TemporaryDirectory() as folder:
        empty = Ledger(create_engine(f"sqlite:///{folder}/ledger.db"))
        empty.ensure()
        try:
            yield empty
        finally:
            empty.close()


def find_in_source(opened: OpenPush, applicant_id: str) -> list[MappedRow]:
    """Return the rows of an applicant id that the SELECT returns now, whatever the window, as `stage` would map them.

    Each bears its digest, by which the ledger knows a row again whose job's questions could not be asked for.
    """
    push, found = opened.push, []
    staged = Staging(push.source, push.connections.kombo_conn_id, push.endpoint, RunRef(opened.dag_id, ""))
    mapping = Recognition(opened.ledger, staged, opened.mapping.rules, looks=False)
    with opened.reader.open() as source:
        mapper = None
        if push.transform is None:
            mapper = mapper_of(opened, source.columns)
        for raw in source.chunks(Window()):
            rows = SourceRows(source.columns, raw.rows)
            if push.transform is not None:
                rows = SourceRows.of_frame(transformed(push.transform, source.frame_of(raw.rows)))
            mapper = mapper or mapper_of(opened, rows.columns)
            its_own = [n for n, row in enumerate(mapper.map_rows(rows)) if row.applicant_id == applicant_id]
            # Kombo is asked for a job's questions only where they are the applicant's own.
            if its_own:
                asking = opened.mapping.mapper(rows.columns, push.endpoint, opened.mapping.find_questions)
                found += mapping.map_rows(asking, rows.some(its_own))
    return found


def mapper_of(opened: OpenPush, columns: Sequence[str]) -> RowMapper:
    """Return what maps the rows of these columns without asking Kombo for anything."""
    return opened.mapping.mapper(columns, opened.push.endpoint, None)
