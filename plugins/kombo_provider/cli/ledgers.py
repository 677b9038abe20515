"""The ledgers of a deployment, found through the operators of its serialized DAGs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kombo_provider.deployment import ledger_fields, read_stored_dags
from kombo_provider.errors import ConfigurationError, KomboError
from kombo_provider.ledger import Ledger
from kombo_provider.operators.connections import open_existing_ledger
from kombo_provider.operators.settings import Connections


@dataclass(slots=True)
class LedgerPlace:
    """Where a ledger lies, the DAGs that use it, and their sources; or a DAG of which nobody knows the ledger."""

    conn_id: str
    schema: str | None
    dag_ids: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    unreadable: str = ""
    """The error of a DAG that cannot be read here; it may use any ledger."""

    def __str__(self) -> str:
        if self.unreadable:
            return f"DAG {', '.join(sorted(self.dag_ids))}"
        where = self.conn_id
        if self.schema:
            where += f", schema {self.schema}"
        return f"ledger in {where} (DAGs {', '.join(sorted(self.dag_ids))})"

    @property
    def connections(self) -> Connections:
        """The place as connections; raises ConfigurationError where nobody knows it."""
        if self.unreadable:
            raise ConfigurationError(
                f"it cannot be read here ({self.unreadable}), so its ledger, if it has one, is not known. Run this "
                "where the plugins that its file needs are installed, or name the DAG that you mean."
            )
        return Connections(ledger_conn_id=self.conn_id, ledger_schema=self.schema)


def ledger_places(dag_id: str | None) -> list[LedgerPlace]:
    """Return the ledgers that a DAG uses, or all that the deployment's DAGs use; those are last that cannot be read.

    Raises ConfigurationError where there is none: Airflow knows a DAG once its DAG processor has read the file.
    """
    places: dict[tuple[str, str | None], LedgerPlace] = {}
    unknown: list[LedgerPlace] = []
    # As the scheduler reads them: no DAG file is executed, so that a command works where one cannot be imported.
    stored = read_stored_dags(_only(dag_id))
    for name, dag in stored.readable.items():
        for fields in map(ledger_fields, dag.task_dict.values()):
            if fields is not None:
                key = fields["ledger_conn_id"], fields["ledger_schema"]
                place = places.setdefault(key, LedgerPlace(*key))
                place.dag_ids.add(name)
                place.sources.add(fields["source"])
    for name, error in stored.unreadable.items():
        unknown.append(LedgerPlace("", None, {name}, unreadable=error))
    if dag_id is not None and not stored.readable and not unknown:
        raise ConfigurationError(
            f"Airflow knows no DAG {dag_id!r}: `airflow dags list` shows those it knows. If its file is new, "
            "`airflow dags reserialize` reads it now."
        )
    if not places and not unknown:
        which = "No DAG that Airflow knows has a task"
        if dag_id:
            which = f"DAG {dag_id!r} has no task"
        raise ConfigurationError(f"{which} that sends to Kombo. `airflow dags list` shows the DAGs it knows.")
    return [*places.values(), *unknown]


def _only(dag_id: str | None) -> list[str] | None:
    if dag_id is None:
        return None
    return [dag_id]


def at_each(places: Iterable[LedgerPlace], action: Callable[[Ledger, LedgerPlace], None]) -> None:
    """Do something with each ledger; those that are not reached are named at the end, with exit code 1."""
    refuse_unreached(failures_at_each(places, action))


def failures_at_each(
    places: Iterable[LedgerPlace], action: Callable[[Ledger, LedgerPlace], None]
) -> list[tuple[LedgerPlace, str]]:
    """Do something with each ledger; return those where it failed, and why."""
    failures: list[tuple[LedgerPlace, str]] = []
    for place in places:
        try:
            with open_existing_ledger(place.connections) as ledger:
                action(ledger, place)
        except KomboError as exc:
            failures.append((place, str(exc)))
        except Exception as exc:  # noqa: BLE001 - the border to Airflow's hooks: one odd connection, and no other
            advice = "look at its connection in Airflow; if that is right, report this as a bug of the provider"
            failures.append((place, f"it failed with {type(exc).__name__}: {advice}."))
    return failures


def refuse_unreached(failures: Iterable[tuple[LedgerPlace, str]]) -> None:
    """Raise SystemExit that names the ledgers that were not reached, if there are any."""
    lines = [f"{place}: {why}" for place, why in failures]
    if lines:
        raise SystemExit("\n".join(["Not reached:", *lines]))
