"""The first task of a push: source rows into the ledger. Rows never pass between tasks, only numbers do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import Context

from kombo_provider.errors import KomboError, SourceError
from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.operators.connections import open_ledger, warehouse_engine
from kombo_provider.operators.extract_sql import read_extract_sql
from kombo_provider.operators.push import COUNTS_KEY, PushOperator, selection_of
from kombo_provider.operators.run_params import RunKind, RunParams, read_params, read_run
from kombo_provider.operators.settings import PushSettings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from kombo_provider.ledger import Ledger
    from kombo_provider.source.reader import SourceReader
    from kombo_provider.staging.stager import Stager

GROUPS_AT_MOST = 64


class KomboStageOperator(PushOperator):
    """Reads the run's window of the source into the ledger; returns the groups of integrations that want a sender.

    The counts of what became of each row are pushed as XCom `counts`. Raises SourceError, WriteBackError,
    UnsupportedLedgerError or ConfigurationError before anything is staged, and ConfirmationRequiredError after it
    where more rows than `approve_above` would leave.
    """

    ui_color = "#e8f0fe"

    def execute(self, context: Context) -> list[list[str]]:
        """Stage, then say which integrations have something to send."""
        from kombo_provider.source.reader import SourceReader

        push, run, params = self.push, read_run(context), read_params(context, whole_dag=self.push.whole_dag)
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
        from kombo_provider.staging.approval import require_confirmation

        require_confirmation(ready, push.approve_above, params.confirm_rows)
        return grouped(sorted(on_wire.union(ready)))

    def _check_target(self, ledger: Ledger, warehouse: Engine, reader: SourceReader) -> None:
        """Find out before anything is sent that the ids have a place, and that the ledger is not a new, empty one."""
        from kombo_provider.ledger import staging
        from kombo_provider.write_back.write_back import WriteBack

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
        from kombo_provider.ledger import Staging
        from kombo_provider.staging.stager import MappingOptions, Stager

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
        from kombo_provider.ledger import now, replay, staging
        from kombo_provider.staging.stager import choose_window

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

        With it come the integrations where another process is sending, or died so lately that its lease lasts; a
        narrowed run leaves those alone.
        """
        from kombo_provider.ledger import claims, doubts, erasure

        push = self.push
        with ledger.transaction() as conn:
            erasure.empty_old_payloads(conn, push.source, push.keep_failed_payload_days)
            if push.in_doubt == "resend":
                doubts.order_automatic_resends(conn, push.source, timeout, run.ref)
            integration_ids, selection = sorted(params.narrowing.integration_ids), selection_of(push, params, run)
            if params.narrowing.limit is not None:
                claims.adopt(conn, selection, integration_ids, params.narrowing.limit, run.ref)
            on_wire = set(claims.lanes_on_wire(conn, push.source, push.connections.kombo_conn_id))
            ready = claims.count_ready(conn, selection, integration_ids)
            return ready, set() if params.narrowing else on_wire


def grouped(integration_ids: Sequence[str]) -> list[list[str]]:
    """Spread integrations over at most GROUPS_AT_MOST groups, one each while they suffice."""
    groups = min(GROUPS_AT_MOST, len(integration_ids))
    return [list(integration_ids[index::groups]) for index in range(groups)]


def _lost_ledger(push: PushSettings) -> KomboError:
    return SourceError(
        f"The ledger holds nothing of source {push.source!r}, but {push.write_back_table} already has Kombo ids: "
        "sending would make every applicant twice. If the ledger was lost, restore it; if the source was renamed, "
        "rename it back; if another tool made these applications, select their id as already_sent."
    )
