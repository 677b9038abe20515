"""The four tasks of a push: stage, deliver, write back, report. Rows never pass between them, only numbers do."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, BaseOperator, Context
from airflow.sdk.exceptions import AirflowRescheduleException

from kombo_provider.delivery.approval import require_confirmation
from kombo_provider.errors import KomboError, LaneBlockedError, LanePausedError, SourceError
from kombo_provider.hook import KomboHook
from kombo_provider.operators.connect import open_ledger, warehouse_engine
from kombo_provider.operators.extract_sql import read_extract_sql
from kombo_provider.operators.links import KomboLogLink, remember_log_url
from kombo_provider.operators.run_params import RunKind, RunParams, read_params, read_run
from kombo_provider.operators.settings import PushSettings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from kombo_provider.delivery.stage import Stager
    from kombo_provider.delivery.write_back import WriteBackReport
    from kombo_provider.ledger.ledger import Ledger
    from kombo_provider.ledger.status import RunRef
    from kombo_provider.source.reader import SourceReader

GROUPS_AT_MOST = 64
COUNTS_KEY = "counts"
APPLICANT_IDS_ASSET = "kombo_applicant_ids"
IN_DOUBT_ASSET = "kombo_in_doubt"
_HELD_RETRY = timedelta(seconds=30)
_STOPPING_POLL_SECONDS = 1.0


class _PushOperator(BaseOperator):
    """Base of the four: carries the pipeline's settings, which hold no secret and no applicant."""

    def __init__(self, *, push: PushSettings, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.push = push


class KomboStageOperator(_PushOperator):
    """Reads the run's window of the source into the ledger; returns the groups of integrations that want a sender.

    The counts of what became of each row are pushed as XCom `counts`. Raises SourceError, WriteBackError,
    UnsupportedLedgerError or ConfigurationError before anything is staged, and ConfirmationRequiredError after it
    where more rows than `approve_above` would leave.
    """

    ui_color = "#e8f0fe"

    def execute(self, context: Context) -> list[list[str]]:
        """Stage, then say which integrations have something to send."""
        from kombo_provider.source.reader import SourceReader

        push, run, params = self.push, read_run(context), read_params(context["params"])
        sql, where = read_extract_sql(push.extract_sql, push.defined_in)
        settings = KomboHook(push.connections.kombo_conn_id).get_settings()
        with (
            open_ledger(push.connections) as ledger,
            warehouse_engine(push.connections.warehouse_conn_id) as warehouse,
        ):
            reader = SourceReader(warehouse, self.render_template(sql, context), where=where)
            self._check_target(ledger, warehouse, reader)
            stager = self._stager(ledger, run, settings.integration_id, dry_run=params.dry_run)
            try:
                self._stage(ledger, stager, reader, run, params)
            finally:
                context["ti"].xcom_push(key=COUNTS_KEY, value=dict(stager.counts))
            if params.dry_run:
                self.log.info("Dry run: the decision for each row is in the table kombo_dry_run; nothing is sent")
                return []
            ready, on_wire = self._to_send(ledger, run, params, timedelta(seconds=settings.timeout_seconds))
        require_confirmation(ready, push.approve_above, params.confirm_rows)
        return grouped(sorted(on_wire.union(ready)))

    def _check_target(self, ledger: Ledger, warehouse: Engine, reader: SourceReader) -> None:
        """Find out before anything is sent that the ids have a place, and that the ledger is not a new, empty one."""
        from kombo_provider.delivery.write_back import WriteBack
        from kombo_provider.ledger import staging

        if not self.push.write_back_table:
            return
        target = WriteBack(warehouse, self.push.write_back_table, self.push.write_back_key)
        target.check()
        with ledger.transaction() as conn:
            empty = not staging.holds_any(conn, self.push.source)
        if empty and target.holds_ids():
            with reader.open() as source:
                imports = "already_sent" in map(str.lower, source.columns)
            if not imports:
                raise _lost_ledger(self.push)

    def _stager(self, ledger: Ledger, run: RunKind, default_integration_id: str | None, *, dry_run: bool) -> Stager:
        from kombo_provider.delivery.stage import MappingOptions, Stager
        from kombo_provider.ledger.staging import Staging

        push = self.push
        return Stager(
            ledger,
            Staging(push.source, push.connections.kombo_conn_id, push.endpoint, run.ref, backfill=run.backfill),
            MappingOptions(
                default_integration_id=default_integration_id,
                source_timezone=push.source_timezone,
                extra_fields=push.extra_fields,
                attachments_from_files=bool(push.attachment_roots),
                transform=push.transform,
            ),
            dry_run=dry_run,
        )

    def _stage(self, ledger: Ledger, stager: Stager, reader: SourceReader, run: RunKind, params: RunParams) -> None:
        from kombo_provider.delivery.stage import choose_window
        from kombo_provider.ledger import replay, staging
        from kombo_provider.ledger.ledger import now

        with ledger.transaction() as conn:
            at, watermark = now(conn), staging.watermark(conn, self.push.source)
            ordered = params.replay and not params.dry_run
            replayed = replay.order_replay(conn, self.push.source, params.replay) if ordered else set()
        window, moves_to = choose_window(
            run.window(params.window),
            watermark=watermark,
            lookback=self.push.lookback,
            interval=run.interval,
            scheduled=run.scheduled,
            started_at=at,
        )
        self.log.info("Taking rows of %s with changed_at in %s", self.push.source, window)
        stager.run(reader, window, params.narrowing, moves_to, replayed=replayed)

    def _to_send(
        self, ledger: Ledger, run: RunKind, params: RunParams, timeout: timedelta
    ) -> tuple[dict[str, int], set[str]]:
        """Count what the run would send, after the ledger was tidied up and automatic resends were ordered.

        With it come the integrations where another process is sending, or died so lately that its lease lasts.
        """
        from kombo_provider.ledger import doubts, erasure, sending

        push = self.push
        with ledger.transaction() as conn:
            erasure.empty_old_payloads(conn, push.source, push.keep_failed_payload_days)
            if push.in_doubt == "resend":
                doubts.order_automatic_resends(conn, push.source, timeout, run.ref)
            integration_ids, selection = sorted(params.narrowing.integration_ids), _selection(push, params, run)
            if params.narrowing.limit is not None:
                sending.adopt(conn, selection, integration_ids, params.narrowing.limit, run.ref)
            on_wire = set(sending.lanes_on_wire(conn, push.source, push.connections.kombo_conn_id))
            narrowed = on_wire.intersection(integration_ids) if integration_ids else on_wire
            return sending.count_ready(conn, selection, integration_ids), narrowed


class KomboDeliverOperator(_PushOperator):
    """Sends the `ready` rows of some integrations, each within its cap, and records every answer.

    Returns the lanes' numbers. Raises LaneBlockedError (Kombo refuses an integration) or LanePausedError (requests
    end in doubt), naming integration, code and log page. While another process sends on a lane that has rows of this
    run, the task reschedules itself and holds no worker slot.
    """

    ui_color = "#e6f4ea"
    operator_extra_links = (KomboLogLink(),)

    def __init__(self, *, integration_ids: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.integration_ids = integration_ids
        self.kombo_log_url: str | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Send until nothing that is due is left."""
        from kombo_provider.delivery.books import SendOptions
        from kombo_provider.delivery.deliver import deliver
        from kombo_provider.operators.files import file_reader

        push, run, params = self.push, read_run(context), read_params(context["params"])
        self._stop = threading.Event()
        integration_ids = list(self.integration_ids)
        context["integrations"] = _named(integration_ids)  # type: ignore[typeddict-unknown-key]
        ti = context["ti"]
        hook = KomboHook(push.connections.kombo_conn_id)
        settings = hook.get_settings()
        options = SendOptions(
            run=run.ref,
            holder=f"{run.ref.dag_id}/{run.ref.run_id}/{ti.task_id}/{ti.map_index}",
            max_in_flight=settings.max_in_flight,
            timeout_seconds=settings.timeout_seconds,
        )
        with remember_log_url(self), open_ledger(push.connections) as ledger:
            report = deliver(
                ledger,
                hook.get_conn(),
                _selection(push, params, run),
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


class KomboWriteBackOperator(_PushOperator):
    """Writes the ids of delivered rows into the user's table and updates the asset where it wrote any."""

    ui_color = "#fef7e0"

    def execute(self, context: Context) -> dict[str, Any]:
        """Write back what is not written back yet, and wake the look-up where rows of this run are in doubt."""
        from kombo_provider.ledger import summary
        from kombo_provider.ledger.status import Status

        push, run, params = self.push, read_run(context).ref, read_params(context["params"])
        if params.dry_run:
            return {"written": 0}
        with open_ledger(push.connections) as ledger:
            self._await_stopping(ledger, run)
            report = self._write_back(ledger, refill=params.refill)
            with ledger.transaction() as conn:
                statuses = summary.by_status(conn, push.source, run)
        in_doubt = sum(counts.get(Status.IN_DOUBT, 0) for counts in statuses.values())
        self._announce(context, APPLICANT_IDS_ASSET, written=report.written)
        self._announce(context, IN_DOUBT_ASSET, in_doubt=in_doubt)
        return {
            "written": report.written,
            "keys_without_row": report.without_row,
            "keys_with_several_rows": report.with_several_rows,
        }

    def _await_stopping(self, ledger: Ledger, run: RunRef) -> None:
        """Wait until what a failed `deliver` left on the wire is settled, at most until its lease has ended.

        Airflow starts this task as soon as a person marks `deliver` as failed; that one needs seconds to stop.
        """
        from kombo_provider.ledger import lanes, summary
        from kombo_provider.ledger.status import Status

        until = time.monotonic() + lanes.LEASE_SECONDS
        while True:
            with ledger.transaction() as conn:
                lanes.sweep(conn)
                on_wire = summary.keys_of_run(conn, self.push.source, run, Status.SENDING, limit=1)
            if not on_wire or time.monotonic() > until:
                return
            self.log.info("Waiting for deliver to stop: requests of this run are on the wire")
            time.sleep(_STOPPING_POLL_SECONDS)

    def _write_back(self, ledger: Ledger, *, refill: bool) -> WriteBackReport:
        from kombo_provider.delivery.write_back import WriteBack, WriteBackReport

        push = self.push
        if push.write_back_table is None:
            self.log.info("No write_back_table: the ids are in the ledger's view kombo_applicant_ids")
            return WriteBackReport()
        with warehouse_engine(push.connections.warehouse_conn_id) as warehouse:
            return WriteBack(warehouse, push.write_back_table, push.write_back_key).run(
                ledger, push.source, refill=refill
            )

    def _announce(self, context: Context, asset: str, **number: int) -> None:
        """Update an asset, through its alias: an outlet of its own would be updated by every run."""
        if any(number.values()) and any(outlet.name == asset for outlet in self.outlets):
            context["outlet_events"][AssetAlias(asset)].add(Asset(asset), extra={"source": self.push.source, **number})


class KomboReportOperator(_PushOperator):
    """Logs and returns what the run did; fails where rows are not delivered, so that green means delivered.

    `task_ids` are the tasks before it, whose failure is its failure.
    """

    ui_color = "#fce8e6"

    def __init__(self, *, task_ids: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.task_ids = task_ids

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the run's numbers from the ledger, log them, judge them."""
        from kombo_provider.delivery import report as reports

        push, run = self.push, read_run(context)
        counts = context["ti"].xcom_pull(task_ids=self.task_ids["stage"], key=COUNTS_KEY) or {}
        with open_ledger(push.connections) as ledger:
            report = reports.read(ledger, push.source, push.connections.kombo_conn_id, run.ref, counts)
            report.failed_tasks = self._failed_tasks(context, run)
            reports.log_report(report, ledger)
        numbers = report.as_dict()
        context["ti"].xcom_push(key="report", value=numbers)
        reports.verdict(report, reports.Limits(push.max_failed_share, push.min_failed))
        return numbers

    def _failed_tasks(self, context: Context, run: RunKind) -> list[str]:
        ti = context["ti"]
        states = ti.get_task_states(dag_id=run.ref.dag_id, run_ids=[run.ref.run_id])
        found = states.get(run.ref.run_id, {})
        watched = tuple(self.task_ids.values())
        groups = ti.xcom_pull(task_ids=self.task_ids["stage"]) or []
        return sorted(
            _as_shown(name, self.task_ids["deliver"], groups)
            for name, state in found.items()
            if state in ("failed", "upstream_failed") and _belongs_to(name, watched)
        )


def grouped(integration_ids: Sequence[str]) -> list[list[str]]:
    """Spread integrations over at most GROUPS_AT_MOST groups, one each while they suffice."""
    groups = min(GROUPS_AT_MOST, len(integration_ids))
    return [list(integration_ids[index::groups]) for index in range(groups)]


def _named(integration_ids: Sequence[str]) -> str:
    first, *others = integration_ids
    return f"{first} and {len(others)} more" if others else first


def _belongs_to(name: str, task_ids: Sequence[str]) -> bool:
    """Tell whether a task state's name is one of the tasks, or a mapped instance of one (`<task id>_<index>`)."""
    return any(name == task_id or (name.rpartition("_")[0] == task_id and name[-1].isdigit()) for task_id in task_ids)


def _as_shown(name: str, deliver: str, groups: Sequence[Sequence[str]]) -> str:
    """Name a mapped deliver task as Airflow's pages do: by its integrations."""
    task_id, _, index = name.rpartition("_")
    if task_id == deliver and index.isdigit() and int(index) < len(groups):
        return f"{deliver} [{_named(groups[int(index)])}]"
    return name


def _selection(push: PushSettings, params: RunParams, run: RunKind) -> Any:
    from kombo_provider.ledger.sending import Selection

    return Selection(
        source=push.source,
        kombo_conn_id=push.connections.kombo_conn_id,
        applicant_ids=tuple(sorted(params.narrowing.applicant_ids)),
        staged_by=run.ref if params.narrowing.limit is not None else None,
    )


def _lost_ledger(push: PushSettings) -> KomboError:
    return SourceError(
        f"The ledger holds nothing of source {push.source!r}, but {push.write_back_table} already has Kombo ids: "
        "sending would make every applicant twice. If the ledger was lost, restore it; if the source was renamed, "
        "rename it back; if another tool made these applications, select their id as already_sent."
    )
