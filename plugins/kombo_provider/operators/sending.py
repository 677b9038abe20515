"""What the operators that send have in common: their name for the ledger, how they stop, what a stopped lane means."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, BaseOperatorLink, Context
from airflow.sdk.exceptions import AirflowRescheduleException

from kombo_provider.errors import KomboError, LaneBlockedError, LanePausedError, TurnOverError
from kombo_provider.operators import metrics
from kombo_provider.operators.links import KomboLogLink

if TYPE_CHECKING:
    from kombo_provider.hooks.kombo import KomboHook
    from kombo_provider.ledger import Ledger, RunRef
    from kombo_provider.ledger.selection import Selection
    from kombo_provider.sending.deliver import DeliverReport
    from kombo_provider.sending.options import SendOptions, TaskTime, Tuning

HELD_RETRY_SECONDS = 30.0


class SendingOperator(BaseOperator):
    """Base of the operators whose tasks send requests to Kombo."""

    operator_extra_links: tuple[BaseOperatorLink, ...] = (KomboLogLink(),)
    kombo_log_url: str | None = None
    tuning: ClassVar[Tuning | None] = None
    """Waits and thresholds of the sending; None: the usual ones."""
    _stop: threading.Event | None = None
    report: DeliverReport | None = None
    """What was sent, once it was; also where the task fails for lanes that stopped."""

    def send(
        self,
        context: Context,
        ledger: Ledger,
        hook: KomboHook,
        selection: Selection,
        run: RunRef,
        integration_ids: Sequence[str],
        *,
        attachment_roots: Sequence[str],
        time: TaskTime | None = None,
    ) -> DeliverReport:
        """Send the selection's rows on the lanes of some integrations.

        Raises LaneBlockedError, LanePausedError or TurnOverError where lanes stopped. Where another process holds a
        lane that has rows for this task, it reschedules itself and holds no worker slot meanwhile; where its worker is
        shut down, too: another worker goes on, and no try is used up.
        """
        from kombo_provider.hooks.kombo import open_look_ups
        from kombo_provider.operators.files import file_reader
        from kombo_provider.sending.deliver import deliver
        from kombo_provider.sending.preflight import Preflight
        from kombo_provider.worker_shutdown import stopped_with_worker

        options = self._options(context, hook, run, time)
        stop = self._stop or threading.Event()
        with stopped_with_worker(stop):
            report = deliver(
                ledger,
                hook.get_conn(),
                selection,
                options,
                integration_ids,
                stop=stop,
                read_file=file_reader(attachment_roots),
                preflight=Preflight(open_look_ups(hook.get_settings())),
            )
        self.report, self.kombo_log_url = report, report.log_url
        metrics.count_rows(run.dag_id, report.by_status)
        for integration_id, numbers in report.numbers.items():
            self.log.info("%s: %s", integration_id, ", ".join(f"{what} {count}" for what, count in numbers.items()))
        self._raise_for(report)
        return report

    def _raise_for(self, report: DeliverReport) -> None:
        """Fail or reschedule the task where something of it is still to be done."""
        from kombo_provider.worker_shutdown import is_shutting_down

        if report.told_to_stop and is_shutting_down():
            self.log.info("This worker is being shut down; another one goes on with what is ready")
            raise AirflowRescheduleException(datetime.now(UTC))  # type: ignore[no-untyped-call]
        if report.problems:
            raise self._error_class(report)("\n".join(report.problems))
        if others := [*report.held, *report.outlived]:
            wait = report.look_again_in or HELD_RETRY_SECONDS
            self.log.info("Another process is sending for %s; looking again in %.0f s", ", ".join(others), wait)
            raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=wait))  # type: ignore[no-untyped-call]

    def _error_class(self, report: DeliverReport) -> type[KomboError]:
        """Return the error of lanes that stopped: its class says whether Airflow tries again."""
        from kombo_provider.sending.options import SHORTEST_TURN

        if report.blocked:
            return LaneBlockedError
        # A task that was told to stop is tried again: only so its rows are counted as left.
        told_to_stop = self._stop is not None and self._stop.is_set()
        if not told_to_stop and report.seconds_left < SHORTEST_TURN.total_seconds():
            return TurnOverError
        return LanePausedError

    def _options(self, context: Context, hook: KomboHook, run: RunRef, time: TaskTime | None) -> SendOptions:
        from kombo_provider.sending.options import SendOptions, Tuning

        settings = hook.get_settings()
        return SendOptions(
            run=run,
            holder=holder_name(context),
            max_in_flight=settings.max_in_flight,
            timeout_seconds=settings.timeout_seconds,
            tuning=self.tuning or Tuning(),
            time=time,
            on_answer=metrics.times_requests(run.dag_id),
        )

    def on_kill(self) -> None:
        """Begin no request any more; what is on the wire may still be answered."""
        if self._stop is not None:
            self._stop.set()


def holder_name(context: Mapping[str, Any]) -> str:
    """Return the name under which a task holds lanes: the same for each try of it, and no other task's.

    Two Airflow installations may share a ledger and have equal ids for DAG and run. The id of the DAG's version, which
    each of them draws at random, tells them apart.
    """
    ti, dag_run = context["ti"], context["dag_run"]
    version = getattr(ti, "dag_version_id", None)
    return f"{ti.dag_id}/{dag_run.run_id}/{ti.task_id}/{ti.map_index}/{version or ''}"
