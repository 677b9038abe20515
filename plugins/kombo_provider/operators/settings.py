"""What a pipeline was told by its DAG file: plain data, nothing is looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kombo_provider.client.client import Model
    from kombo_provider.ledger import Endpoint
    from kombo_provider.mapping.questions import FindQuestions
    from kombo_provider.staging.mapping_options import MappingOptions
    from kombo_provider.sync.plan import Scope
    from kombo_provider.watch.limits import Limits

LEDGER_FIELDS = ("source", "kombo_conn_id", "ledger_conn_id", "ledger_schema")
"""Attributes of every operator with a ledger that are kept with the DAG: commands find the ledger through them."""


WATCH_FIELD = "watches"
"""Attribute that only a watch's task keeps with its DAG: the page finds the watches through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Which Airflow connections a task uses, and where in them the ledger lives."""

    kombo_conn_id: str = "kombo_default"
    warehouse_conn_id: str = "warehouse_default"
    ledger_conn_id: str | None = None
    ledger_schema: str | None = None

    @property
    def ledger(self) -> str:
        """The connection whose database holds the ledger."""
        return self.ledger_conn_id or self.warehouse_conn_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """A push's arguments with their defaults; what a DAG file may write is typed in operators.arguments."""

    source: str
    extract_sql: str = field(repr=False)
    """May be the SELECT itself, which is shown nowhere but where show_sql says so."""
    defined_in: str
    sql_folder: str | None = None
    show_sql: bool = True
    whole_dag: bool = False
    """The DAG is the push's own, so its params are: see operators.run_params."""
    write_back_table: str | None
    write_back_key: str | Mapping[str, str] = "applicant_id"
    connections: Connections = field(default_factory=Connections)
    endpoint: Endpoint = "application"
    source_timezone: str = "UTC"
    lookback: timedelta = timedelta(days=1)
    run_for: timedelta = timedelta(minutes=50)
    sweep_every: timedelta = timedelta(days=7)
    first_run: str = "ask"
    same_person: str = "send"
    transform: Callable[[Any], Any] | None = None
    extra_fields: tuple[str, ...] = ()
    attachment_roots: tuple[str, ...] = ()
    max_failed_share: float = 0.05
    min_failed: int = 5
    approve_above: int = 10_000
    in_doubt: str = "hold"
    keep_failed_payload_days: int = 30

    def mapping(
        self, default_integration_id: str | None, find_questions: FindQuestions | None = None
    ) -> MappingOptions:
        """Return how rows become request bodies; without `find_questions` answers are taken as the rows give them."""
        from kombo_provider.staging.mapping_options import MappingOptions

        return MappingOptions(
            default_integration_id=default_integration_id,
            source_timezone=self.source_timezone,
            extra_fields=self.extra_fields,
            attachments_from_files=bool(self.attachment_roots),
            transform=self.transform,
            same_person=self.same_person,
            find_questions=find_questions,
        )


SYNC_MODELS: tuple[Model, ...] = ("applications", "candidates", "jobs")
"""What a sync can pull, in the order in which it does: applications name candidates that an answer left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings:
    """The arguments of `kombo_sync_dag` that are not the DAG's own; documented there."""

    models: tuple[str, ...]
    connections: Connections = field(default_factory=Connections)
    scope: Scope = "sent"
    sync_personal_data: bool = False
    keep_personal_days: int = 365
    integration_ids: tuple[str, ...] = ()
    full_every: timedelta = timedelta(days=7)
    run_for: timedelta = timedelta(minutes=50)

    @property
    def keep_personal(self) -> timedelta:
        """How long after its last change a record's personal data is kept."""
        return timedelta(days=self.keep_personal_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """The arguments of `kombo_watch_dag` that are not the DAG's own; documented there."""

    connections: Connections = field(default_factory=Connections)
    freshness: timedelta = timedelta(hours=3)
    paused_for: timedelta = timedelta(hours=1)
    doubts_after: timedelta = timedelta(days=1)
    late_after: timedelta = timedelta(hours=1)
    unreported_after: timedelta = timedelta(hours=3)
    max_refused_share: float = 0.1
    min_refused: int = 10
    volume_factor: float = 5.0
    volume_min: int = 20

    @property
    def limits(self) -> Limits:
        """From when on something is worth a message."""
        from kombo_provider.watch.limits import Limits

        return Limits(**{one.name: getattr(self, one.name) for one in fields(Limits)})
