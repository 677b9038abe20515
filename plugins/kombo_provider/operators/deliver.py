"""The second task of a push, mapped over groups of integrations: sends what is `ready`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.operators.connections import open_ledger
from kombo_provider.operators.links import KomboLogLink, KomboPageLink, remember_log_url
from kombo_provider.operators.push import BEGAN_KEY, LEFT_KEY, SHOWN_AT_MOST, PushOperator, named, selection_of
from kombo_provider.operators.run_params import RunKind, read_params, read_run
from kombo_provider.operators.sending import SendingOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset

    from kombo_provider.sending.options import TaskTime


class KomboDeliverOperator(PushOperator, SendingOperator):
    """Sends the `ready` rows of some integrations, each within its cap, and records every answer.

    Takes no new row later than `run_for` after the task `stage_task_id` began, a lane's shortest turn apart; what is
    left is pushed as XCom `left`. Returns the lanes' numbers. Raises LaneBlockedError (Kombo refuses an integration) or
    LanePausedError (requests end in doubt), naming integration, code and log page. A lane that has rows of this run and
    that another process holds is waited for without a worker slot: the task reschedules itself. Where the holder lives,
    sends these rows as well, and goes on for longer than a minute, they are left to it. It skips itself where a person
    snoozed all of its lanes.
    """

    ui_color = "#e6f4ea"
    operator_extra_links = (KomboLogLink(), KomboPageLink())

    def __init__(self, *, integration_ids: Sequence[str], stage_task_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.integration_ids = integration_ids
        self.stage_task_id = stage_task_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Send until nothing that is due is left, or the turn is over."""
        self._stop = threading.Event()
        push, run = self.push, read_run(context)
        params = read_params(context, whole_dag=push.whole_dag)
        integration_ids = list(self.integration_ids)
        hook = KomboHook(push.connections.kombo_conn_id)
        try:
            with remember_log_url(self), open_ledger(push.connections) as ledger:
                report = self.send(
                    context,
                    ledger,
                    hook,
                    selection_of(push, params, run),
                    run.ref,
                    integration_ids,
                    attachment_roots=push.attachment_roots,
                    time=self._time(context, hook, run),
                )
        finally:
            self._hand_over(context)
        if set(report.snoozed) == set(integration_ids):
            raise AirflowSkipException(f"Every lane of this task is snoozed: {named(integration_ids)}")
        return report.numbers

    def shown_as(self) -> str:
        """Return the task's name: its integrations, and once it is done what became of their rows."""
        shown = named(list(self.integration_ids))
        done = self._done()
        if done:
            shown += f": {done}"
        return shown[:SHOWN_AT_MOST]

    def datasets(self) -> tuple[list[Dataset], list[Dataset]]:
        """Return the ledger, and the applications or candidates of the task's integrations at Kombo."""
        from kombo_provider.operators.lineage import database_of, kombo_datasets

        push = self.push
        sent = kombo_datasets(push.connections.kombo_conn_id, self.integration_ids, f"{push.endpoint}s")
        return [database_of(push.connections.ledger).ledger(push.connections)], sent

    def _done(self) -> str:
        from kombo_provider.ledger import COUNTED
        from kombo_provider.report.wording import counted

        if self.report is None:
            return ""
        counts: Counter[str] = Counter()
        for numbers in self.report.numbers.values():
            counts.update({what: number for what, number in numbers.items() if what in COUNTED})
        counts["left"] = sum(self.report.left.values())
        return counted(counts)

    def _time(self, context: Context, hook: KomboHook, run: RunKind) -> TaskTime:
        """Return how long the task may take.

        A backfill waits for its lanes: after the run that has them it may be the last one.
        """
        from kombo_provider.sending.options import task_time

        ti, at = context["ti"], datetime.now(UTC)
        found = ti.xcom_pull(task_ids=self.stage_task_id, key=BEGAN_KEY) if self.stage_task_id else None
        return task_time(
            self.push.run_for,
            stage_began=min(at, datetime.fromisoformat(found)) if found else at,
            task_began=ti.get_first_reschedule_date(context) or at,
            at=at,
            call_seconds=hook.get_settings().timeout_seconds,
            leaves_to_holder=not run.backfill,
            clear_number=getattr(context["dag_run"], "clear_number", None) or 0,
        )

    def _hand_over(self, context: Context) -> None:
        """Tell the report what waits for the next run by plan; also where the task fails for another lane."""
        if self.report is not None and self.report.left:
            context["ti"].xcom_push(key=LEFT_KEY, value=self.report.left)
