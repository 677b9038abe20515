"""What DAG files call: a whole pipeline from a few arguments."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Unpack

from airflow.sdk import DAG, AssetAlias, TaskGroup, TriggerRule

from kombo_provider.operators.arguments import (
    PushArguments,
    PushDagArguments,
    check_sync,
    check_watch,
    push_settings,
)
from kombo_provider.operators.assets import APPLICANT_IDS_ASSET, APPLICATIONS_ASSET, IN_DOUBT_ASSET
from kombo_provider.operators.dags import also_on, make_dag, with_intervals
from kombo_provider.operators.deliver import KomboDeliverOperator
from kombo_provider.operators.descriptions import ASK_DOC, PUSH_DOC, RESOLVE_DOC, SYNC_DOC, WATCH_DOC
from kombo_provider.operators.doubts import KomboAskOperator, KomboQuestionsOperator, KomboResolveOperator
from kombo_provider.operators.next import KomboNextOperator
from kombo_provider.operators.push import NAME_TEMPLATE
from kombo_provider.operators.report import KomboReportOperator
from kombo_provider.operators.retries import retries
from kombo_provider.operators.run_params import push_params
from kombo_provider.operators.settings import Connections, PushSettings, SyncSettings, WatchSettings
from kombo_provider.operators.stage import KomboStageOperator
from kombo_provider.operators.sync import KomboSyncOperator, sync_params
from kombo_provider.operators.watch import KomboWatchOperator
from kombo_provider.operators.write_back import KomboWriteBackOperator

if TYPE_CHECKING:
    from kombo_provider.client.client import Model
    from kombo_provider.sync.plan import Scope

PUSHING_RUNS_AT_MOST = 3
"""One sends on long lanes, one sends the others' rows and stands by for these lanes, one writes back."""

ASKING_RUNS_AT_MOST = 4
"""The scheduler looks at twenty running runs at a time: those that wait for a person must not fill them."""


def kombo_push_dag(
    *, dag_id: str, schedule: Any = "@hourly", owner: str | None = None, **arguments: Unpack[PushDagArguments]
) -> DAG:
    """Build a DAG that pushes the applicants of one source into Kombo and writes the ids back.

    `source` is the stable name of this set of applicants, the first part of every key in the ledger: renaming the DAG
    changes nothing, renaming the source would send everyone again. `extract_sql` is a path ending in `.sql`, looked
    up in `sql_folder`, by default that of the file that calls this, and in the folders above it, or the SELECT itself.
    A cron `schedule` runs with the interval that just ended. What is no argument of a push goes to DAG.
    """
    ours: dict[str, Any] = {name: value for name, value in arguments.items() if name in PushArguments.__annotations__}
    dag_arguments: dict[str, Any] = {name: value for name, value in arguments.items() if name not in ours}
    settings = push_settings(ours, defined_in=sys._getframe(1).f_code.co_filename, whole_dag=True)
    source = settings.source
    if owner is not None:
        dag_arguments["default_args"] = {**(dag_arguments.get("default_args") or {}), "owner": owner}
    params = push_params() | (dag_arguments.pop("params", None) or {})
    description = f"Pushes the applicants of {source} into Kombo and writes the ids back"
    own: dict[str, Any] = {"description": description, "doc_md": PUSH_DOC.format(source=source), "params": params}
    own["max_active_runs"] = PUSHING_RUNS_AT_MOST
    # Where slots are few the first run's tasks come before the next one's, whose `stage` reads once these have begun.
    dag_arguments["default_args"] = {"weight_rule": "upstream", **(dag_arguments.get("default_args") or {})}
    dag = make_dag(dag_id, with_intervals(schedule), settings.defined_in, own | dag_arguments)
    with dag:
        _push_tasks(settings)
    return dag


def kombo_push(*, group_id: str = "kombo_push", **arguments: Unpack[PushArguments]) -> TaskGroup:
    """Build a push's tasks but `next` as a task group for a DAG of one's own; the arguments are kombo_push_dag's."""
    settings = push_settings(arguments, defined_in=sys._getframe(1).f_code.co_filename, whole_dag=False)
    with TaskGroup(group_id) as group:
        _push_tasks(settings)
    return group


def kombo_resolve_dag(
    *,
    dag_id: str,
    source: str,
    schedule: Any = "@hourly",
    kombo_conn_id: str = "kombo_default",
    warehouse_conn_id: str = "warehouse_default",
    ledger_conn_id: str | None = None,
    ledger_schema: str | None = None,
    write_back_table: str | None = None,
    write_back_key: str | Mapping[str, str] = "applicant_id",
    **dag_arguments: Any,
) -> DAG:
    """Build a DAG that looks up a source's rows in doubt at Kombo, and ids that an answer left out; it never waits.

    It runs on its schedule and whenever a push leaves rows in doubt. With `write_back_table` what it found goes into
    the table at once, else with the next push.
    """
    connections = _connections(kombo_conn_id, warehouse_conn_id, ledger_conn_id, ledger_schema)
    defined_in = sys._getframe(1).f_code.co_filename
    description = f"Looks up what became of requests for {source} that were never answered"
    own = {"description": description, "doc_md": RESOLVE_DOC.format(source=source)}
    dag = make_dag(dag_id, also_on(IN_DOUBT_ASSET, schedule), defined_in, own | dag_arguments)
    with dag:
        resolve = KomboResolveOperator(task_id="resolve", source=source, connections=connections)
        if write_back_table is not None:
            resolve >> _write_back_of(source, write_back_table, write_back_key, connections, defined_in)
    return dag


def kombo_ask_dag(
    *,
    dag_id: str,
    source: str,
    schedule: Any = "@hourly",
    kombo_conn_id: str = "kombo_default",
    warehouse_conn_id: str = "warehouse_default",
    ledger_conn_id: str | None = None,
    ledger_schema: str | None = None,
    notifiers: Sequence[Any] = (),
    assigned_users: Sequence[Any] | None = None,
    **dag_arguments: Any,
) -> DAG:
    """Build a DAG that asks a person in Airflow's UI about rows in doubt that no look-up settled, and about held ones.

    One question is open for each integration. `notifiers` (Airflow's) tell of each once; `assigned_users` (HITLUser)
    are those who may answer, None: whoever may in Airflow. A run waits some hours for its answers, and the next one
    puts what is unanswered again: with four runs open at most, a new doubt never waits for the answer to an old one.
    """
    connections = _connections(kombo_conn_id, warehouse_conn_id, ledger_conn_id, ledger_schema)
    description = f"Asks a person about requests for {source} that no look-up settled"
    own = {"description": description, "doc_md": ASK_DOC.format(source=source), "max_active_runs": ASKING_RUNS_AT_MOST}
    dag = make_dag(dag_id, with_intervals(schedule), sys._getframe(1).f_code.co_filename, own | dag_arguments)
    with dag:
        questions = KomboQuestionsOperator(task_id="questions", source=source, connections=connections)
        KomboAskOperator.partial(
            task_id="ask",
            source=source,
            connections=connections,
            notifiers=list(notifiers),
            assigned_users=list(assigned_users) if assigned_users is not None else None,
            map_index_template="{{ integration }}",
        ).expand_kwargs(questions.output)
    return dag


def kombo_sync_dag(
    *,
    dag_id: str,
    models: Sequence[Model] = ("applications", "candidates", "jobs"),
    schedule: Any = "@hourly",
    kombo_conn_id: str = "kombo_default",
    warehouse_conn_id: str = "warehouse_default",
    ledger_conn_id: str | None = None,
    ledger_schema: str | None = None,
    scope: Scope = "sent",
    sync_personal_data: bool = False,
    keep_personal_days: int = 365,
    integration_ids: Sequence[str] = (),
    full_every: timedelta = timedelta(days=7),
    run_for: timedelta = timedelta(minutes=50),
    source: str | None = None,
    write_back_table: str | None = None,
    write_back_key: str | Mapping[str, str] = "applicant_id",
    **dag_arguments: Any,
) -> DAG:
    """Build a DAG that pulls from Kombo what became of the applications, for every integration that the ledger knows.

    It runs on its schedule and, but for jobs alone, whenever a push has written ids. With `write_back_table` the ids
    that it completes for `source` go into the table at once, else with the next push.
    """
    connections = _connections(kombo_conn_id, warehouse_conn_id, ledger_conn_id, ledger_schema)
    settings = SyncSettings(
        models=tuple(models),
        connections=connections,
        scope=scope,
        sync_personal_data=sync_personal_data,
        keep_personal_days=keep_personal_days,
        integration_ids=tuple(integration_ids),
        full_every=full_every,
        run_for=run_for,
    )
    check_sync(settings, source=source, write_back_table=write_back_table)
    defined_in = sys._getframe(1).f_code.co_filename
    dag = _sync_dag(dag_id, schedule, defined_in, settings, dag_arguments)
    with dag:
        outlets = [AssetAlias(APPLICATIONS_ASSET)]
        sync = KomboSyncOperator(task_id="sync", sync=settings, outlets=outlets, **retries())
        if source is not None and write_back_table is not None:
            sync >> _write_back_of(source, write_back_table, write_back_key, connections, defined_in)
    return dag


def kombo_watch_dag(
    *,
    dag_id: str,
    notifiers: Sequence[Any] = (),
    schedule: Any = "*/10 * * * *",
    kombo_conn_id: str = "kombo_default",
    warehouse_conn_id: str = "warehouse_default",
    ledger_conn_id: str | None = None,
    ledger_schema: str | None = None,
    freshness: timedelta = timedelta(hours=3),
    paused_for: timedelta = timedelta(hours=1),
    doubts_after: timedelta = timedelta(days=1),
    late_after: timedelta = timedelta(hours=1),
    unreported_after: timedelta = timedelta(hours=3),
    max_refused_share: float = 0.1,
    min_refused: int = 10,
    volume_factor: float = 5.0,
    volume_min: int = 20,
    **dag_arguments: Any,
) -> DAG:
    """Build a DAG that reads the ledger and tells through `notifiers` (Airflow's) of each change once.

    It watches every source and lane under the connection, whatever their DAGs do: killed, paused or never begun. Each
    condition makes one message when it begins and one when it is over; in a notifier's templates it is `kombo.text`.
    """
    settings = WatchSettings(
        connections=_connections(kombo_conn_id, warehouse_conn_id, ledger_conn_id, ledger_schema),
        freshness=freshness,
        paused_for=paused_for,
        doubts_after=doubts_after,
        late_after=late_after,
        unreported_after=unreported_after,
        max_refused_share=max_refused_share,
        min_refused=min_refused,
        volume_factor=volume_factor,
        volume_min=volume_min,
    )
    check_watch(settings, notifiers)
    own = {"description": "Tells of lanes and pipelines that do not do what they should", "doc_md": WATCH_DOC}
    dag = make_dag(dag_id, schedule, sys._getframe(1).f_code.co_filename, own | dag_arguments)
    next_watch_is_next_try = {} if "retries" in dag.default_args else {"retries": 0}
    with dag:
        KomboWatchOperator(task_id="watch", watch=settings, notifiers=tuple(notifiers), **next_watch_is_next_try)
    return dag


def _sync_dag(
    dag_id: str, schedule: Any, defined_in: str, settings: SyncSettings, dag_arguments: dict[str, Any]
) -> DAG:
    params = sync_params() | (dag_arguments.pop("params", None) or {})
    description = f"Pulls {', '.join(settings.models)} from Kombo"
    own = {"description": description, "doc_md": SYNC_DOC, "params": params}
    timetable = with_intervals(schedule) if settings.models == ("jobs",) else also_on(APPLICANT_IDS_ASSET, schedule)
    return make_dag(dag_id, timetable, defined_in, own | dag_arguments)


def _connections(kombo: str, warehouse: str, ledger: str | None, schema: str | None) -> Connections:
    return Connections(kombo_conn_id=kombo, warehouse_conn_id=warehouse, ledger_conn_id=ledger, ledger_schema=schema)


def _write_back_of(
    source: str, table: str, key: str | Mapping[str, str], connections: Connections, defined_in: str
) -> KomboWriteBackOperator:
    """Write back in a DAG that stages nothing."""
    settings = PushSettings(
        source=source,
        extract_sql="",
        defined_in=defined_in,
        write_back_table=table,
        write_back_key=key,
        connections=connections,
    )
    return _write_back_task(settings, judged=False)


def _write_back_task(settings: PushSettings, **arguments: Any) -> KomboWriteBackOperator:
    outlets = [AssetAlias(IN_DOUBT_ASSET)] + ([AssetAlias(APPLICANT_IDS_ASSET)] if settings.write_back_table else [])
    return KomboWriteBackOperator(task_id="write_back", push=settings, outlets=outlets, **arguments)


def _push_tasks(settings: PushSettings) -> None:
    retrying = retries()
    stage = KomboStageOperator(task_id="stage", push=settings, **retrying)
    deliver = KomboDeliverOperator.partial(
        task_id="deliver",
        push=settings,
        stage_task_id=stage.task_id,
        map_index_template=NAME_TEMPLATE,
        **retrying,
    ).expand(integration_ids=stage.output)
    stage.deliver_task_id = deliver.task_id
    write_back = _write_back_task(settings, trigger_rule=TriggerRule.ALL_DONE, **retrying)
    before = {"stage": stage.task_id, "deliver": deliver.task_id, "write_back": write_back.task_id}
    report = KomboReportOperator(
        task_id="report", push=settings, task_ids=before, trigger_rule=TriggerRule.ALL_DONE, retries=0
    )
    stage >> write_back
    deliver >> write_back >> report
    if settings.whole_dag:
        deliver >> KomboNextOperator(
            task_id="next",
            push=settings,
            deliver_task_id=deliver.task_id,
            trigger_rule=TriggerRule.ALL_DONE,
            **retrying,
        )
