"""The second task of a push, mapped over groups of integrations: sends what is `ready`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRescheduleException

from kombo_provider.errors import LaneBlockedError, LanePausedError
from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.operators.connections import open_ledger
from kombo_provider.operators.links import KomboLogLink, remember_log_url
from kombo_provider.operators.push import PushOperator, named, selection_of
from kombo_provider.operators.run_params import read_params, read_run

if TYPE_CHECKING:
    from kombo_provider.sending.options import Tuning

_HELD_RETRY = timedelta(seconds=30)


class KomboDeliverOperator(PushOperator):
    """Sends the `ready` rows of some integrations, each within its cap, and records every answer.

    Returns the lanes' numbers. Raises LaneBlockedError (Kombo refuses an integration) or LanePausedError (requests
    end in doubt), naming integration, code and log page. While another process sends on a lane that has rows of this
    run, the task reschedules itself and holds no worker slot.
    """

    ui_color = "#e6f4ea"
    operator_extra_links = (KomboLogLink(),)
    tuning: ClassVar[Tuning | None] = None
    """Waits and thresholds of the sending; None: the usual ones."""

    def __init__(self, *, integration_ids: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.integration_ids = integration_ids
        self.kombo_log_url: str | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Send until nothing that is due is left."""
        from kombo_provider.operators.files import file_reader
        from kombo_provider.sending.deliver import deliver
        from kombo_provider.sending.options import SendOptions, Tuning

        push, run, params = self.push, read_run(context), read_params(context["params"])
        self._stop = threading.Event()
        integration_ids = list(self.integration_ids)
        context["integrations"] = named(integration_ids)  # type: ignore[typeddict-unknown-key]
        ti = context["ti"]
        hook = KomboHook(push.connections.kombo_conn_id)
        settings = hook.get_settings()
        options = SendOptions(
            run=run.ref,
            holder=f"{run.ref.dag_id}/{run.ref.run_id}/{ti.task_id}/{ti.map_index}",
            max_in_flight=settings.max_in_flight,
            timeout_seconds=settings.timeout_seconds,
            tuning=self.tuning or Tuning(),
        )
        with remember_log_url(self), open_ledger(push.connections) as ledger:
            report = deliver(
                ledger,
                hook.get_conn(),
                selection_of(push, params, run),
                options,
                integration_ids,
                stop=self._stop,
                read_file=file_reader(push.attachment_roots),
            )
        self.kombo_log_url = report.log_url
        for integration_id, numbers in report.numbers.items():
            self.log.info("%s: %s", integration_id, ", ".join(f"{what} {count}" for what, count in numbers.items()))
        if report.problems:
            raise (LaneBlockedError if report.blocked else LanePausedError)("\n".join(report.problems))
        if report.held:
            self.log.info("Another process is sending for %s; looking again in 30 s", ", ".join(report.held))
            raise AirflowRescheduleException(datetime.now(UTC) + _HELD_RETRY)  # type: ignore[no-untyped-call]
        return report.numbers

    def on_kill(self) -> None:
        """Send nothing more; what is on the wire gets three seconds to be answered."""
        self._stop.set()
