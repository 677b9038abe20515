"""The third task of a push: Kombo's ids into the user's table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.sdk import AssetAlias, Context

from kombo_provider.operators.assets import APPLICANT_IDS_ASSET, IN_DOUBT_ASSET, asset_as_known
from kombo_provider.operators.connections import open_ledger, warehouse_engine
from kombo_provider.operators.push import NOT_FOUND_KEY, PushOperator
from kombo_provider.operators.run_params import read_params, read_run

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset

    from kombo_provider.ledger import Ledger, RunRef
    from kombo_provider.write_back.write_back import WriteBackReport

_STOPPING_POLL_SECONDS = 1.0


class KomboWriteBackOperator(PushOperator):
    """Writes the ids of delivered rows into the user's table and updates the asset where it wrote any.

    `judged`: a report comes after it, for which it remembers the rows that the table could not take.
    """

    ui_color = "#fef7e0"

    def __init__(self, *, judged: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.judged = judged

    def execute(self, context: Context) -> dict[str, Any]:
        """Write back what is not written back yet, and wake the look-up where rows of this run are in doubt."""
        from kombo_provider.ledger import Status, summary
        from kombo_provider.write_back.write_back import WriteBackReport

        push, run = self.push, read_run(context).ref
        params = read_params(context, whole_dag=push.whole_dag)
        if params.dry_run:
            return {"written": 0}
        with open_ledger(push.connections) as ledger:
            self._await_stopping(ledger, run)
            report = WriteBackReport()
            try:
                self._write_back(ledger, run, report, refill=params.refill)
            finally:
                self.said = _in_words(report)
            if params.refill and push.write_back_table and not report.handled:
                self.log.warning("refill: no row of %s is delivered, so there is no id to write", push.source)
                context["ti"].xcom_push(key=NOT_FOUND_KEY, value={"refill": (1, 1)})
            with ledger.transaction() as conn:
                statuses = summary.by_status(conn, push.source, run)
        in_doubt = sum(counts.get(Status.IN_DOUBT, 0) for counts in statuses.values())
        self._announce(context, APPLICANT_IDS_ASSET, written=report.written)
        self._announce(context, IN_DOUBT_ASSET, in_doubt=in_doubt)
        return {
            "written": report.written,
            "keys_without_row": report.without_row,
            "keys_with_several_rows": report.with_several_rows,
            "rows_refused": report.refused,
            "missed": dict(report.missed),
        }

    def datasets(self) -> tuple[list[Dataset], list[Dataset]]:
        """Return the ledger, and the table that the ids go into."""
        from kombo_provider.operators.lineage import database_of
        from kombo_provider.write_back.target import WRITTEN_COLUMNS

        push = self.push
        read = [database_of(push.connections.ledger).ledger(push.connections)]
        if push.write_back_table is None:
            return read, []
        warehouse = database_of(push.connections.warehouse_conn_id)
        return read, [warehouse.named(push.write_back_table, WRITTEN_COLUMNS)]

    def _await_stopping(self, ledger: Ledger, run: RunRef) -> None:
        """Wait until what a failed `deliver` left on the wire is settled, at most until its lease has ended.

        Airflow starts this task as soon as a person marks `deliver` as failed; that one needs seconds to stop.
        """
        from kombo_provider.ledger import Status, leases, summary

        until = time.monotonic() + leases.LEASE_SECONDS
        while True:
            with ledger.transaction() as conn:
                leases.sweep(conn)
                on_wire = summary.keys_of_run(conn, self.push.source, run, Status.SENDING, limit=1)
            if not on_wire or time.monotonic() > until:
                return
            self.log.info("Waiting for deliver to stop: requests of this run are on the wire")
            time.sleep(_STOPPING_POLL_SECONDS)

    def _write_back(self, ledger: Ledger, run: RunRef, report: WriteBackReport, *, refill: bool) -> None:
        from kombo_provider.write_back.write_back import WriteBack

        push = self.push
        if push.write_back_table is None:
            self.log.info("No write_back_table: the ids are in the ledger's view kombo_applicant_ids")
            return
        judged_for = run if self.judged else None
        with warehouse_engine(push.connections.warehouse_conn_id) as warehouse:
            target = WriteBack(warehouse, push.write_back_table, push.write_back_key)
            target.run(ledger, push.source, refill=refill, run=judged_for, report=report)

    def _announce(self, context: Context, asset: str, **number: int) -> None:
        """Update an asset, through its alias: an outlet of its own would be updated by every run."""
        if any(number.values()) and any(outlet.name == asset for outlet in self.outlets):
            context["outlet_events"][AssetAlias(asset)].add(
                asset_as_known(asset), extra={"source": self.push.source, **number}
            )


def _in_words(report: WriteBackReport) -> str:
    said = f"{report.written} written"
    missed = report.handled - report.written
    if missed:
        said += f", {missed} not"
    return said
