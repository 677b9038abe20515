"""The ledgers of a deployment, found through the operators of its serialized DAGs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from kombo_provider.errors import ConfigurationError, KomboError
from kombo_provider.ledger import Ledger
from kombo_provider.operators.connections import open_existing_ledger
from kombo_provider.operators.settings import LEDGER_FIELDS, Connections

_OPERATORS = "kombo_provider.operators."


@dataclass(slots=True)
class LedgerPlace:
    """Where a ledger lies, and the DAGs that use it."""

    conn_id: str
    schema: str | None
    dag_ids: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        schema = f", schema {self.schema}" if self.schema else ""
        return f"ledger in {self.conn_id}{schema} (DAGs {', '.join(sorted(self.dag_ids))})"

    @property
    def connections(self) -> Connections:
        """The place as connections."""
        return Connections(ledger_conn_id=self.conn_id, ledger_schema=self.schema)


def ledger_places(dag_id: str | None) -> list[LedgerPlace]:
    """Return the ledgers that a DAG uses, or all that the deployment's DAGs use.

    Raises ConfigurationError where there is none: Airflow knows a DAG once its DAG processor has read the file.
    """
    places: dict[tuple[str, str | None], LedgerPlace] = {}
    for name, tasks in _tasks_by_dag(dag_id):
        for fields in map(_ledger_fields, tasks):
            if fields is not None:
                key = fields["ledger_conn_id"], fields["ledger_schema"]
                places.setdefault(key, LedgerPlace(*key)).dag_ids.add(name)
    if not places:
        which = f"DAG {dag_id!r} has no task" if dag_id else "No DAG that Airflow knows has a task"
        raise ConfigurationError(f"{which} that sends to Kombo. `airflow dags list` shows the DAGs it knows.")
    return list(places.values())


def at_each(places: Iterable[LedgerPlace], action: Callable[[Ledger, LedgerPlace], None]) -> None:
    """Do something with each ledger; those that are not reached are named at the end, with exit code 1."""
    unreached: list[str] = []
    for place in places:
        try:
            with open_existing_ledger(place.connections) as ledger:
                action(ledger, place)
        except KomboError as exc:
            unreached.append(f"{place}: {exc}")
    if unreached:
        raise SystemExit("\n".join(["Not reached:", *unreached]))


def _tasks_by_dag(dag_id: str | None) -> Iterable[tuple[str, Iterable[Any]]]:
    from airflow.models.serialized_dag import SerializedDagModel

    if dag_id is None:
        return [(name, dag.task_dict.values()) for name, dag in SerializedDagModel.read_all_dags().items()]
    dag = SerializedDagModel.get_dag(dag_id)
    if dag is None:
        raise ConfigurationError(f"Airflow knows no DAG {dag_id!r}. `airflow dags list` shows those it knows.")
    return [(dag_id, dag.task_dict.values())]


def _ledger_fields(task: Any) -> dict[str, Any] | None:
    """Return where a task of ours keeps its ledger, None for a task of anybody else."""
    if not str(getattr(task, "_task_module", "")).startswith(_OPERATORS):
        return None
    partial = getattr(task, "partial_kwargs", {})
    fields = {name: getattr(task, name, None) or partial.get(name) for name in LEDGER_FIELDS}
    return fields if fields["ledger_conn_id"] else None
