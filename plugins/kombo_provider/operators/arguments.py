"""What a DAG file may hand to a factory, typed and checked: a mistake is an import error that says what to write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Required, TypedDict
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kombo_provider.errors import ConfigurationError
from kombo_provider.operators.settings import SYNC_MODELS, Connections, PushSettings, SyncSettings, WatchSettings

if TYPE_CHECKING:
    import pandas as pd

    from kombo_provider.ledger import Endpoint


class PushArguments(TypedDict, total=False):
    """The arguments of a push, as DAG or as task group; their defaults stand in operators.settings."""

    source: Required[str]
    extract_sql: Required[str]
    write_back_table: Required[str | None]
    write_back_key: str | Mapping[str, str]
    kombo_conn_id: str
    warehouse_conn_id: str
    ledger_conn_id: str | None
    ledger_schema: str | None
    endpoint: Endpoint
    source_timezone: str
    lookback: timedelta
    run_for: timedelta
    sweep_every: timedelta
    first_run: str
    same_person: str
    transform: Callable[[pd.DataFrame], pd.DataFrame] | None
    extra_fields: Sequence[str]
    attachment_roots: Sequence[str]
    sql_folder: str | None
    show_sql: bool
    max_failed_share: float
    min_failed: int
    approve_above: int
    in_doubt: str
    keep_failed_payload_days: int


class PushDagArguments(PushArguments, total=False):
    """Those of a push, and those of Airflow's DAG."""

    description: str | None
    default_args: dict[str, Any]
    start_date: datetime | None
    end_date: datetime | None
    template_searchpath: str | Sequence[str] | None
    template_undefined: Any
    user_defined_macros: dict[str, Any] | None
    user_defined_filters: dict[str, Any] | None
    max_active_tasks: int
    max_active_runs: int
    max_consecutive_failed_dag_runs: int
    dagrun_timeout: timedelta | None
    deadline: Any
    sla_miss_callback: None
    catchup: bool
    on_success_callback: Any
    on_failure_callback: Any
    doc_md: str | None
    params: Mapping[str, Any] | None
    access_control: dict[str, Any] | None
    is_paused_upon_creation: bool | None
    jinja_environment_kwargs: dict[str, Any] | None
    render_template_as_native_obj: bool
    tags: Collection[str] | None
    owner_links: dict[str, str]
    auto_register: bool
    fail_fast: bool
    allowed_run_types: Any
    dag_display_name: str
    task_group: Any
    disable_bundle_versioning: bool
    rerun_with_latest_version: bool | None


_TUPLES = ("extra_fields", "attachment_roots")
_KEY_PARTS = ({"applicant_id"}, {"applicant_id", "integration_id"})
_LONGEST_RUN = timedelta(hours=12)
"""A broker hands a task that lasts a day to a second worker."""


def push_settings(arguments: Mapping[str, Any], *, defined_in: str, whole_dag: bool) -> PushSettings:
    """Sort a push's arguments into settings.

    Raises ConfigurationError for the first that cannot be meant, and TypeError for one that is missing or unknown.
    """
    for name, value in arguments.items():
        if name in _CHECKS:
            _CHECKS[name](name, value)
    own: dict[str, Any] = {name: tuple(value) if name in _TUPLES else value for name, value in arguments.items()}
    connections = Connections(**{name: own.pop(name) for name in _names(Connections) if name in own})
    return PushSettings(**own, connections=connections, defined_in=defined_in, whole_dag=whole_dag)


def _names(settings: type) -> list[str]:
    return [field.name for field in fields(settings)]


def _check_source(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name} must not be empty: it is the stable name of this set of applicants.")


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name} is {value!r}; it must be a text that is not empty.")


def _check_text_or_none(name: str, value: Any) -> None:
    if value is not None:
        _check_text(name, value)


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} is {value!r}; it must be True or False.")


def _check_transform(name: str, value: Any) -> None:
    if value is not None and not callable(value):
        raise ConfigurationError(f"{name} is {value!r}; it must be a function that takes and returns a DataFrame.")


def _check_choice(*choices: str) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if value not in choices:
            raise ConfigurationError(f"{name} is {value!r}; it must be {' or '.join(choices)}.")

    return check


def _check_tuple(name: str, value: Any) -> None:
    if isinstance(value, str):
        raise ConfigurationError(f"{name} is a string; write a tuple: {name}=(…,).")
    texts = isinstance(value, list | tuple | set | frozenset) and all(isinstance(one, str) for one in value)
    if not texts or not all(one.strip() for one in value):  # an empty root would be the worker's own folder
        raise ConfigurationError(f"{name} is {value!r}; it must be a tuple of texts that are not empty.")


def check_sync(sync: SyncSettings, *, source: str | None, write_back_table: str | None) -> None:
    """Raise ConfigurationError for the first argument of a sync that cannot be meant."""
    if (source is None) != (write_back_table is None):
        raise ConfigurationError("source and write_back_table go together: the table takes the ids of that source.")
    if not sync.models or not set(sync.models) <= set(SYNC_MODELS):
        raise ConfigurationError(f"models is {sync.models!r}; it may hold {', '.join(sorted(SYNC_MODELS))}.")
    if sync.scope not in ("sent", "all"):
        raise ConfigurationError(f"scope is {sync.scope!r}; it must be sent or all.")
    _check_count("keep_personal_days", sync.keep_personal_days)
    _check_span("full_every", sync.full_every)
    _check_span("run_for", sync.run_for)


def check_watch(watch: WatchSettings, notifiers: Sequence[Any]) -> None:
    """Raise ConfigurationError for the first argument of a watch that cannot be meant."""
    if not isinstance(notifiers, list | tuple) or not all(callable(one) for one in notifiers):
        raise ConfigurationError(
            f"notifiers is {notifiers!r}; it must be a list of Airflow's notifiers, such as [...]."
        )
    for name in ("freshness", "paused_for", "doubts_after", "late_after", "unreported_after"):
        _check_span(name, getattr(watch, name))
    _check_share("max_refused_share", watch.max_refused_share)
    _check_count("min_refused", watch.min_refused)
    _check_count("volume_min", watch.volume_min)
    factor = watch.volume_factor
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 < factor < float("inf"):
        raise ConfigurationError(f"volume_factor is {factor!r}; it must be a number above 1, such as 5.")


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"{name} is {value!r}; it must be a whole number, 0 or more.")


def _check_share(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigurationError(f"{name} is {value!r}; it must be a share between 0 and 1, such as 0.05.")


def _check_span(name: str, value: Any) -> None:
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise ConfigurationError(
            f"{name} is {value!r}; it must be a timedelta that is not negative, such as timedelta(days=1)."
        )


def _check_run_for(name: str, value: Any) -> None:
    if not isinstance(value, timedelta) or not timedelta(0) < value <= _LONGEST_RUN:
        raise ConfigurationError(
            f"{name} is {value!r}; it must be a timedelta above 0 and of at most 12 hours, such as "
            "timedelta(minutes=50): what a run leaves, the next one sends."
        )


def _check_timezone(name: str, value: Any) -> None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ConfigurationError(
            f"{name} is {value!r}, which is no time zone's name; write one such as Europe/Berlin or UTC."
        ) from None


def _check_key(name: str, value: Any) -> None:
    """A column's name, or a mapping from our key's parts to columns."""
    if isinstance(value, str) and value.strip():
        return
    if isinstance(value, Mapping) and set(value) in _KEY_PARTS:
        columns = [column for column in value.values() if isinstance(column, str) and column.strip()]
        if len(set(columns)) == len(value):
            return
    raise ConfigurationError(
        f"{name} is {value!r}; it must be the name of a column, or "
        '{"applicant_id": "<column>", "integration_id": "<column>"}.'
    )


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "source": _check_source,
    **dict.fromkeys(("extract_sql", "kombo_conn_id", "warehouse_conn_id"), _check_text),
    **dict.fromkeys(("write_back_table", "ledger_conn_id", "ledger_schema", "sql_folder"), _check_text_or_none),
    "transform": _check_transform,
    "show_sql": _check_flag,
    "endpoint": _check_choice("application", "candidate"),
    "in_doubt": _check_choice("hold", "resend"),
    "same_person": _check_choice("send", "hold"),
    "first_run": _check_choice("ask", "all", "from_now"),
    "extra_fields": _check_tuple,
    "attachment_roots": _check_tuple,
    "min_failed": _check_count,
    "approve_above": _check_count,
    "keep_failed_payload_days": _check_count,
    "max_failed_share": _check_share,
    "lookback": _check_span,
    "sweep_every": _check_span,
    "run_for": _check_run_for,
    "source_timezone": _check_timezone,
    "write_back_key": _check_key,
}
