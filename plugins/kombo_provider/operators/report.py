"""The last task of a push: what the run did, and whether it may be green."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from kombo_provider.errors import ConfigurationError, IncompleteRunError
from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.operators import metrics
from kombo_provider.operators.connections import open_ledger
from kombo_provider.operators.links import KomboPageLink
from kombo_provider.operators.push import COUNTS_KEY, LEFT_KEY, NOT_FOUND_KEY, SAME_PERSON_KEY, PushOperator, named
from kombo_provider.operators.run_params import RunKind, read_params, read_run

if TYPE_CHECKING:
    from kombo_provider.report.numbers import HandedOver


SUMMARY_KEY = "summary"
"""XCom of one line, for notifiers."""


class KomboReportOperator(PushOperator):
    """Logs and returns what the run did; fails where rows are not delivered, so that green means delivered.

    `task_ids` are the tasks before it, whose failure is its failure.
    """

    ui_color = "#fce8e6"
    operator_extra_links = (KomboPageLink(),)

    def __init__(self, *, task_ids: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.task_ids = task_ids

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the run's numbers from the ledger, log them, judge them."""
        from kombo_provider.ledger import lane_states
        from kombo_provider.report import history, wording
        from kombo_provider.report import numbers as reports
        from kombo_provider.report.verdict import Limits, complaint

        push, run = self.push, read_run(context)
        with open_ledger(push.connections) as ledger:
            handed_over = self._handed_over(context)
            report = reports.read(ledger, push.source, push.connections.kombo_conn_id, run.ref, handed_over)
            report.failed_tasks = self._failed_tasks(context, run)
            if self._is_dry(context):
                most = KomboHook(push.connections.kombo_conn_id).get_settings().max_in_flight
                report.foreseen = reports.foresee(ledger, push.source, push.connections.kombo_conn_id, most)
            else:
                history.keep(ledger, push.source, report)
            with ledger.transaction() as conn:
                stopped = lane_states.count_stopped(conn, push.connections.kombo_conn_id)
        metrics.gauge_what_stands(run.ref.dag_id, in_doubt=report.open_rows("in_doubt"), lanes_stopped=stopped)
        said = complaint(report, Limits(push.max_failed_share, push.min_failed))
        wording.log_report(report, said)
        self.said = wording.in_one_line(report)
        numbers = report.as_dict()
        context["ti"].xcom_push(key=SUMMARY_KEY, value=self.said)
        context["ti"].xcom_push(key="report", value=numbers)
        if said is not None:
            raise IncompleteRunError(said)
        return numbers

    def _is_dry(self, context: Context) -> bool:
        try:
            return read_params(context, whole_dag=self.push.whole_dag).dry_run
        except ConfigurationError:
            return False  # stage failed for it, and says so

    def _handed_over(self, context: Context) -> HandedOver:
        """Gather what the tasks before left in XCom; one that failed may have left nothing."""
        from kombo_provider.report.numbers import HandedOver

        ti, tasks = context["ti"], self.task_ids
        left: dict[str, int] = {}
        # One answer for each group of lanes; None of a group that had the time for all of its rows.
        for of_group in ti.xcom_pull(task_ids=[tasks["deliver"]], key=LEFT_KEY) or []:
            left.update(of_group or {})
        written = ti.xcom_pull(task_ids=tasks["write_back"]) or {}
        return HandedOver(
            counts=ti.xcom_pull(task_ids=tasks["stage"], key=COUNTS_KEY) or {},
            same_person=ti.xcom_pull(task_ids=tasks["stage"], key=SAME_PERSON_KEY) or {},
            missed=written.get("missed", {}),
            not_found=self._not_found(context),
            left=left,
        )

    def _not_found(self, context: Context) -> dict[str, tuple[int, int]]:
        """Gather what this run was asked for and its tasks did not find."""
        given = context["dag_run"].conf or {}
        if not given:
            return {}  # most runs: each question to Airflow is a request to its API server
        ti = context["ti"]
        found: dict[str, tuple[int, int]] = {}
        for task in ("stage", "write_back"):
            found |= ti.xcom_pull(task_ids=self.task_ids[task], key=NOT_FOUND_KEY) or {}
        return {name: (missing, asked) for name, (missing, asked) in found.items() if name in given}

    def _failed_tasks(self, context: Context, run: RunKind) -> list[str]:
        ti = context["ti"]
        states = ti.get_task_states(dag_id=run.ref.dag_id, run_ids=[run.ref.run_id])
        found = states.get(run.ref.run_id, {})
        watched = {name: state for name, state in found.items() if _belongs_to(name, tuple(self.task_ids.values()))}
        failed = [name for name, state in watched.items() if state == "failed"]
        if failed:
            groups = ti.xcom_pull(task_ids=self.task_ids["stage"]) or []
            return sorted(_as_shown(name, self.task_ids["deliver"], groups) for name in failed)
        return sorted(f"{name} (did not start)" for name, state in watched.items() if state == "upstream_failed")


def _belongs_to(name: str, task_ids: Sequence[str]) -> bool:
    """Tell whether a task state's name is one of the tasks, or a mapped instance of one (`<task id>_<index>`)."""
    return any(name == task_id or (name.rpartition("_")[0] == task_id and name[-1].isdigit()) for task_id in task_ids)


def _as_shown(name: str, deliver: str, groups: Sequence[Sequence[str]]) -> str:
    """Name a mapped deliver task as Airflow's pages do: by its integrations."""
    task_id, _, index = name.rpartition("_")
    if task_id == deliver and index.isdigit() and int(index) < len(groups):
        return f"{deliver} [{named(groups[int(index)])}]"
    return name
