"""What Airflow knows of our pipelines: read from its serialized DAGs, never from a DAG file."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kombo_provider.operators.settings import LEDGER_FIELDS, WATCH_FIELD, Connections

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Pipeline:
    """A source as one DAG works on it, and where its ledger lies."""

    dag_id: str
    source: str
    kombo_conn_id: str
    ledger_conn_id: str
    ledger_schema: str | None
    pushes: bool
    """The DAG's runs stage and send the source, so they can replay a code."""

    @property
    def connections(self) -> Connections:
        """The pipeline's ledger as connections."""
        return Connections(
            kombo_conn_id=self.kombo_conn_id, ledger_conn_id=self.ledger_conn_id, ledger_schema=self.ledger_schema
        )


@dataclass(frozen=True, slots=True, order=True)
class Watch:
    """A DAG that watches the lanes of a connection in one ledger."""

    dag_id: str
    kombo_conn_id: str
    ledger_conn_id: str
    ledger_schema: str | None

    def watches(self, pipeline: Pipeline) -> bool:
        """Tell whether it would tell of the pipeline's lanes."""
        place = self.ledger_conn_id, self.ledger_schema, self.kombo_conn_id
        return place == (pipeline.ledger_conn_id, pipeline.ledger_schema, pipeline.kombo_conn_id)


def stored_versions() -> dict[str, object]:
    """Return by DAG what changes whenever Airflow stores it anew; DAGs whose file is gone are left out.

    The connections of such a DAG may be gone too.
    """
    from airflow.models.dag import DagModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    query = (
        select(SerializedDagModel.dag_id, func.max(SerializedDagModel.last_updated).label("last_updated"))
        .join(DagModel, DagModel.dag_id == SerializedDagModel.dag_id)
        .where(~DagModel.is_stale)
        .group_by(SerializedDagModel.dag_id)
    )
    with create_session() as session:
        return {row.dag_id: row.last_updated for row in session.execute(query)}


class StoredDags(NamedTuple):
    """DAGs as Airflow stored them; of those that cannot be read here, the name of the error."""

    readable: dict[str, Any]
    unreadable: dict[str, str]


def stored_dags(dag_ids: Collection[str] | None = None) -> dict[str, Any]:
    """Return the DAGs as Airflow stored them, or some of them; those that cannot be read are logged and left out."""
    stored = read_stored_dags(dag_ids)
    for name, error in stored.unreadable.items():
        log.warning("DAG %s cannot be read here (%s): what it has of Kombo is not known", name, error)
    return stored.readable


def read_stored_dags(dag_ids: Collection[str] | None = None) -> StoredDags:
    """Return the DAGs as Airflow stored them, or some of them; those whose file is gone are left out.

    One that cannot be read is named and keeps no other from being read: a team's timetable, say, whose plugin is
    installed for the scheduler and not here.
    """
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    wanted = set(stored_versions())
    if dag_ids is not None:
        wanted &= set(dag_ids)
    stored = StoredDags({}, {})
    with create_session() as session:
        rows = SerializedDagModel.get_latest_serialized_dags(dag_ids=sorted(wanted), session=session)
        for row in sorted(rows, key=lambda row: row.dag_id):
            try:
                stored.readable[row.dag_id] = row.dag
            except Exception as exc:  # noqa: BLE001 - the border to plugins of others: one DAG, and no other
                stored.unreadable[row.dag_id] = type(exc).__name__
    return stored


def ledger_fields(task: Any) -> dict[str, Any] | None:
    """Return where a task of ours keeps its ledger, None for a task of anybody else.

    The template fields tell ours, a team's subclasses included. A push's mapped task has its place within its settings,
    which are not stored; the push's other tasks name it.
    """
    given = getattr(task, "partial_kwargs", None)
    if not set(LEDGER_FIELDS) <= set(task.template_fields) or (given and "push" in given):
        return None
    if given is None:
        return {name: getattr(task, name) for name in LEDGER_FIELDS}
    # A mapped task keeps what the DAG file said, without the constructor's defaults.
    warehouse = given.get("warehouse_conn_id") or Connections().warehouse_conn_id
    fields = {name: given.get(name) for name in LEDGER_FIELDS}
    return fields | {"ledger_conn_id": fields["ledger_conn_id"] or warehouse}


def pipelines_of(dags: dict[str, Any]) -> list[Pipeline]:
    """Return the pipelines of stored DAGs, one for each DAG, source and ledger."""
    found = {pipeline for name, dag in dags.items() for pipeline in _pipelines(name, dag.task_dict.values(), dag)}
    return sorted(found, key=lambda one: (one.dag_id, one.source, one.kombo_conn_id, one.ledger_conn_id))


def _pipelines(dag_id: str, tasks: Iterable[Any], dag: Any) -> Iterable[Pipeline]:
    for fields in map(ledger_fields, tasks):
        if fields is not None:
            yield Pipeline(
                dag_id=dag_id,
                source=str(fields["source"]),
                kombo_conn_id=fields["kombo_conn_id"] or Connections().kombo_conn_id,
                ledger_conn_id=fields["ledger_conn_id"],
                ledger_schema=fields["ledger_schema"],
                pushes="replay" in dag.params,
            )


# All of them, for an operator of somebody else may have a field of that name too.
_WATCH_FIELDS = {WATCH_FIELD, "kombo_conn_id", "ledger_conn_id", "ledger_schema"}


def watches_of(dags: dict[str, Any]) -> list[Watch]:
    """Return the watches of stored DAGs, told by the template field that only their task has."""
    watching = [(name, task) for name, dag in dags.items() for task in dag.task_dict.values()]
    found = {
        Watch(name, task.kombo_conn_id, task.ledger_conn_id, task.ledger_schema)
        for name, task in watching
        if _WATCH_FIELDS.issubset(task.template_fields)
    }
    return sorted(found, key=lambda one: (one.dag_id, one.kombo_conn_id, one.ledger_conn_id, one.ledger_schema or ""))


@dataclass(frozen=True, slots=True)
class _Found:
    """What one DAG holds of ours, as it was stored with that version."""

    version: object
    pipelines: list[Pipeline] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    read_again_at: float = float("inf")
    """Of one that could not be read, for the reason may have passed."""

    def stands(self, version: object, at: float) -> bool:
        """Tell whether it need not be read again."""
        return self.version == version and at < self.read_again_at

    @property
    def is_read(self) -> bool:
        """Tell whether the DAG could be read."""
        return self.read_again_at == float("inf")


class KnownPipelines:
    """The deployment's pipelines: looked for again after `seconds`, and then only in DAGs that were stored anew.

    `versions` tells by DAG what changes with each storing; `read` returns the DAGs of some names, without those that
    cannot be read; these are tried again after `unread_seconds`. To read a DAG takes milliseconds, and a deployment may
    have thousands.
    """

    def __init__(
        self,
        read: Callable[[Collection[str]], Mapping[str, Any]] = stored_dags,
        versions: Callable[[], Mapping[str, object]] = stored_versions,
        *,
        seconds: float = 20.0,
        unread_seconds: float = 600.0,
    ) -> None:
        self._read, self._versions = read, versions
        self._seconds, self._unread_seconds = seconds, unread_seconds
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._found: dict[str, _Found] = {}

    def all(self) -> list[Pipeline]:
        """Return the pipelines, sorted by DAG."""
        with self._lock:
            self._look()
            return [pipeline for _, found in sorted(self._found.items()) for pipeline in found.pipelines]

    def watches_of(self, pipeline: Pipeline) -> list[Watch]:
        """Return the DAGs that watch the pipeline's lanes."""
        with self._lock:
            self._look()
            watches = [watch for _, found in sorted(self._found.items()) for watch in found.watches]
        return [watch for watch in watches if watch.watches(pipeline)]

    def unread(self) -> list[str]:
        """Return the DAGs that could not be read, so that nobody knows what they have of ours."""
        with self._lock:
            self._look()
            return sorted(name for name, found in self._found.items() if not found.is_read)

    def _look(self) -> None:
        at = time.monotonic()
        if at - self._looked_at <= self._seconds:
            return
        versions = self._versions()
        kept = {name: found for name, found in self._found.items() if found.stands(versions.get(name), at)}
        changed = versions.keys() - kept.keys()
        dags = self._read(changed) if changed else {}
        for name in changed:
            # One that is stored between the two reads bears the older version here, and is read once more next time.
            # One that cannot be read is noted as well: else each look would read it again.
            kept[name] = _found_in(name, dags.get(name), versions[name], at + self._unread_seconds)
        self._found = kept
        self._looked_at = time.monotonic()


def _found_in(name: str, dag: Any, version: object, read_again_at: float) -> _Found:
    unread = _Found(version, read_again_at=read_again_at)
    if dag is None:
        return unread
    try:
        return _Found(version, pipelines_of({name: dag}), watches_of({name: dag}))
    except Exception:  # a task that is like ours and is not; it keeps no other DAG from the page
        log.exception("DAG %s cannot be looked through: what it has of Kombo is not known", name)
        return unread
