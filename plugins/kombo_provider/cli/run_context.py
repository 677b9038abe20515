"""The context that a SELECT's Jinja would see in a run triggered now, without one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kombo_provider.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from kombo_provider.operators.stage import KomboStageOperator

_RUN_ID = "kombo_preview"


def run_context(stage: KomboStageOperator, conf: dict[str, Any]) -> Context:
    """Return params, dates, macros and all else as Airflow makes them for the task; `conf` is that of the run.

    Raises ConfigurationError where the DAG's params do not accept it, or have no default.
    """
    from airflow.sdk.api.datamodels._generated import TIRunContext
    from airflow.sdk.exceptions import ParamValidationError
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    # As `airflow tasks render` does it, but without a run in Airflow's database.
    given: dict[str, Any] = {
        "id": UUID(int=0),
        "dag_id": stage.dag_id,
        "task_id": stage.task_id,
        "run_id": _RUN_ID,
        "try_number": 1,
        "map_index": -1,
        "task": stage,
        "_ti_context_from_server": TIRunContext(dag_run=_run(stage, conf), max_tries=0),
    }
    try:
        context: Context = RuntimeTaskInstance.model_construct(**given).get_template_context()
    except ParamValidationError as exc:
        raise ConfigurationError(
            f"The params of DAG {stage.dag_id!r} are not complete: {str(exc).splitlines()[0]}. "
            """Give them as a run gets them, such as --conf '{"customer": "acme"}'."""
        ) from None
    return context


def _run(stage: KomboStageOperator, conf: dict[str, Any]) -> Any:
    from airflow.sdk import timezone
    from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, DagRunType
    from airflow.serialization.serialized_objects import DagSerialization

    at = timezone.coerce_datetime(timezone.utcnow())
    dag = DagSerialization.from_dict(DagSerialization.to_dict(stage.dag))
    interval = dag.timetable.infer_manual_data_interval(run_after=at)
    return DagRun(
        dag_id=stage.dag_id,
        run_id=_RUN_ID,
        logical_date=at,
        data_interval_start=interval and interval.start,
        data_interval_end=interval and interval.end,
        run_after=at,
        start_date=at,
        end_date=None,
        run_type=DagRunType.MANUAL,
        state=DagRunState.RUNNING,
        conf=conf,
        consumed_asset_events=[],
        partition_key=None,
    )


def parse_conf(text: str | None) -> dict[str, Any]:
    """Return what `--conf` gives; raises ConfigurationError where that is no JSON object."""
    try:
        conf = json.loads(text or "{}")
    except ValueError as exc:
        raise ConfigurationError(f"--conf is no JSON: {exc}.") from None
    if not isinstance(conf, dict):
        raise ConfigurationError('--conf must be a JSON object, such as {"customer": "acme"}.')
    return conf
