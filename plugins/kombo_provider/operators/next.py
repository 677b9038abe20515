"""The leaf task beside the report: has the next run begin at once where this one's time was too short."""

from __future__ import annotations

import re
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException

from kombo_provider.operators.connections import open_ledger
from kombo_provider.operators.push import LEFT_KEY, PushOperator, selection_of
from kombo_provider.operators.run_params import RunKind, RunParams, read_params, read_run

_LONGEST_RUN_ID = 250
_NUMBERED = re.compile(r"next_(\d+)__(.*)", re.DOTALL)


class KomboNextOperator(PushOperator):
    """Triggers its DAG once more where rows are left that another run can send.

    The new run has no logical date and this one's `integration_ids` and `applicant_ids`; where it exists already, that
    is no error. An error of Airflow's while it triggers fails the task. Where the run is not to be continued, it skips
    itself and says why.
    """

    ui_color = "#f3f4f6"

    def __init__(self, *, deliver_task_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deliver_task_id = deliver_task_id

    def execute(self, context: Context) -> None:
        """Trigger, or say why not."""
        run, params = read_run(context), read_params(context, whole_dag=self.push.whole_dag)
        if params.dry_run or params.limit is not None:
            raise AirflowSkipException("A dry run, or one with a limit, is not continued")
        if _is_dag_test():
            raise AirflowSkipException("dag.test() is not continued: no scheduler would run it")
        left = self._left(context, run, params)
        if not left:
            # No skip: Airflow takes up to five seconds more to end a task that is skipped, in each run of an idle DAG.
            self.log.info("Nothing is left on a lane on which this run got an answer")
            return
        if why_not := why_not_now(context["ti"], run.ref.dag_id):
            raise AirflowSkipException(why_not)
        self.log.info("Left for the next run: %s", ", ".join(f"{name} {rows}" for name, rows in left.items()))
        raise DagRunTriggerException(
            trigger_dag_id=run.ref.dag_id,
            dag_run_id=next_run_id(run.ref.run_id),
            conf=_carried_over(params),
            logical_date=None,
            reset_dag_run=False,
            skip_when_already_exists=True,
            wait_for_completion=False,
            allowed_states=[],
            failed_states=[],
            poke_interval=0,
            deferrable=False,
        )

    def _left(self, context: Context, run: RunKind, params: RunParams) -> dict[str, int]:
        """Return what another run can send of that for which the time was too short; what a person stopped is not."""
        push = self.push
        handed_over = context["ti"].xcom_pull(task_ids=[self.deliver_task_id], key=LEFT_KEY) or []
        integration_ids = {name for group in handed_over for name in group or ()}
        if not integration_ids:
            return {}

        from kombo_provider.ledger import left, staging

        with open_ledger(push.connections) as ledger, ledger.transaction() as conn:
            rows = left.goes_on(conn, selection_of(push, params, run), run.ref, integration_ids)
            watermark = staging.watermark(conn, push.source)
        if rows and watermark is None and run.window(params.window) == "interval":
            raise AirflowSkipException(
                "The source has no watermark: an ordinary run would send more than this one's interval"
            )
        return rows


def why_not_now(ti: Any, dag_id: str) -> str | None:
    """Say why no further run of the DAG should be triggered now; None where it should.

    A run that sends already is no reason: it may have read before these rows were left, or be narrowed to others. But
    of two that end at once only one is followed, so that runs do not pile up.
    """
    if ti.get_dag(dag_id).is_paused:
        return "The DAG is paused: what is left waits until somebody runs it"
    if ti.get_dr_count(dag_id=dag_id, states=["queued"]):
        return "A run is queued already: it sends what is left"
    return None


def next_run_id(run_id: str) -> str:
    """Return the id of the run that continues a run: always the same one, and no longer for a long chain."""
    numbered = _NUMBERED.fullmatch(run_id)
    number, first = (int(numbered[1]), numbered[2]) if numbered else (0, run_id)
    return f"next_{number + 1}__{first}"[:_LONGEST_RUN_ID]


def _carried_over(params: RunParams) -> dict[str, Any]:
    narrowed = {
        "integration_ids": sorted(params.integration_ids),
        "applicant_ids": sorted(params.applicant_ids),
    }
    return {name: ids for name, ids in narrowed.items() if ids}


def _is_dag_test() -> bool:
    """Tell whether the task runs inside `dag.test()`, which has no scheduler beside it."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

    return isinstance(getattr(task_runner, "SUPERVISOR_COMMS", None), InProcessSupervisorComms)
