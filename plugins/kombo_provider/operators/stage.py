"""The first task of a push: source rows into the ledger. Rows never pass between tasks, only numbers do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRescheduleException

from kombo_provider.hooks.kombo import KomboHook
from kombo_provider.operators import metrics
from kombo_provider.operators.connections import open_ledger, warehouse_engine
from kombo_provider.operators.extract_sql import read_extract_sql, render_sql
from kombo_provider.operators.job_questions import question_finder
from kombo_provider.operators.push import (
    BEGAN_KEY,
    COUNTS_KEY,
    NOT_FOUND_KEY,
    SAME_PERSON_KEY,
    PushOperator,
    selection_of,
)
from kombo_provider.operators.run_params import RunKind, RunParams, read_params, read_run

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset

    from kombo_provider.client.settings import ConnectionSettings
    from kombo_provider.ledger import Ledger
    from kombo_provider.source.reader import SourceReader
    from kombo_provider.staging.stage import StageOptions, StageReport

GROUPS_AT_MOST = 64
SLOTS_ARE_FEW_FROM = 4
"""So many groups in Airflow's queue at once: fewer may just be on their way to a free worker slot."""
LOOKS_AGAIN_IN = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=30)
"""No longer, for Airflow may have forgotten a task in its queue."""
READS_APART = timedelta(minutes=1)
"""Where slots are few: by then Airflow's queue shows the groups of a run that began to read."""
_NAMED = 20


class KomboStageOperator(PushOperator):
    """Reads the run's window of the source into the ledger; returns the groups of integrations that want a sender.

    The counts of what became of each row are pushed as XCom `counts`, also after a failure. Raises SourceError,
    WriteBackError, UnsupportedLedgerError or ConfigurationError before anything is staged; likewise
    ConfirmationRequiredError, where a first scheduled run finds older rows that were never sent. While worker slots
    are few it reschedules itself.
    """

    template_fields: Sequence[str] = (*PushOperator.template_fields, "sql")
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}
    ui_color = "#e8f0fe"
    sql: str | None = None
    """The SELECT that ran, once it ran; never a template itself."""
    deliver_task_id: str | None = None
    """The task that sends what this one reads; None: its groups are not waited for."""
    _reader: SourceReader | None = None

    def execute(self, context: Context) -> list[list[str]]:
        """Stage, then say which integrations have something to send."""
        from kombo_provider.source.reader import SourceReader
        from kombo_provider.staging.stage import StageReport, stage
        from kombo_provider.write_back.write_back import WriteBack

        push, run, params = self.push, read_run(context), read_params(context, whole_dag=self.push.whole_dag)
        if not params.dry_run:
            self._let_queued_groups_begin(context)
        context["ti"].xcom_push(key=BEGAN_KEY, value=datetime.now(UTC).isoformat())
        sql, where = read_extract_sql(push.extract_sql, push.defined_in, push.sql_folder)
        settings = KomboHook(push.connections.kombo_conn_id).get_settings()
        report = StageReport()
        with (
            open_ledger(push.connections) as ledger,
            warehouse_engine(push.connections.warehouse_conn_id) as warehouse,
        ):
            rendered = render_sql(self, sql, where, context)
            if push.show_sql:
                self._show(rendered)
            if not params.dry_run:
                self._let_another_run_read(ledger, run, context)
                self._begin(ledger, run)
            reader = self._reader = SourceReader(warehouse, rendered, where=where)
            table = push.write_back_table
            try:
                stage(
                    ledger,
                    reader,
                    self._options(run, params, settings),
                    selection=selection_of(push, params, run),
                    target=WriteBack(warehouse, table, push.write_back_key) if table else None,
                    report=report,
                )
                self._say_not_found(context, report, params)
            finally:
                self.said = _in_words(report)
                if not params.dry_run:
                    metrics.count_rows(run.ref.dag_id, {"invalid": report.counts["invalid"]})
                context["ti"].xcom_push(key=COUNTS_KEY, value=dict(report.counts))
                if report.twice:
                    context["ti"].xcom_push(key=SAME_PERSON_KEY, value=report.twice)
            if not params.dry_run:
                self._end(ledger, run, params, report)
        return grouped(report.integration_ids)

    def _let_queued_groups_begin(self, context: Context) -> None:
        """Read later while groups of other runs wait in Airflow's queue for a worker slot.

        Rows that are read now could not be sent before theirs, and applicants who come after this reading would have
        to wait for the turns of this run as well.
        """
        if self.deliver_task_id is None:
            return
        ti = context["ti"]
        queued = ti.get_ti_count(dag_id=ti.dag_id, task_ids=[self.deliver_task_id], states=["queued"])
        if queued < SLOTS_ARE_FEW_FROM:
            return
        at = datetime.now(UTC)
        waits_since = ti.get_first_reschedule_date(context) or at
        if at - waits_since >= LONGEST_WAIT:
            return
        self.log.info("%d groups wait for a worker slot: the source is read once they have begun", queued)
        raise _later(at)

    def _let_another_run_read(self, ledger: Ledger, run: RunKind, context: Context) -> None:
        """Of the runs that waited for a slot let one read at a time: its groups go before those of the others."""
        from kombo_provider.ledger import runs

        with ledger.transaction() as conn:
            if not runs.another_began(conn, self.push.source, run.ref, within=READS_APART):
                return
        at = datetime.now(UTC)
        waited = at - (context["ti"].get_first_reschedule_date(context) or at)
        if not LOOKS_AGAIN_IN <= waited < LONGEST_WAIT:
            return
        self.log.info("Another run began to read a moment ago: this one reads once its groups have begun")
        raise _later(at)

    def datasets(self) -> tuple[list[Dataset], list[Dataset]]:
        """Return the tables of the SELECT, and the ledger with the columns that the SELECT maps."""
        from kombo_provider.operators.lineage import database_of

        connections = self.push.connections
        warehouse, ledger = database_of(connections.warehouse_conn_id), database_of(connections.ledger)
        if self._reader is None:
            return [], []
        return warehouse.read_by(self._reader.select), [ledger.ledger(connections, self._reader.columns)]

    def _say_not_found(self, context: Context, report: StageReport, params: RunParams) -> None:
        """Name what a person asked this run for, in vain; what the DAG file asks of every run may be missing now."""
        given = context["dag_run"].conf or {}
        not_found: dict[str, tuple[int, int]] = {}
        for name in sorted(given.keys() & report.not_found.keys()):
            missing = report.not_found[name]
            not_found[name] = len(missing), len(getattr(params, name))
            self.log.warning("%s: nothing was found for %s", name, _named_at_most(missing, _NAMED))
        if not_found:
            self.log.warning(
                "This run takes the rows of its window: with the param window=all it takes those of the whole source"
            )
            context["ti"].xcom_push(key=NOT_FOUND_KEY, value=not_found)

    def _begin(self, ledger: Ledger, run: RunKind) -> None:
        """Say first what is open of the source, and note the run: it is seen even where it dies."""
        from kombo_provider.ledger import now, open_rows, runs
        from kombo_provider.report.wording import log_open

        push = self.push
        with ledger.transaction() as conn:
            log_open(open_rows.counts(conn, push.source), now(conn), run.ref.dag_id)
            runs.begin(conn, push.source, push.connections.kombo_conn_id, run.ref)

    def _end(self, ledger: Ledger, run: RunKind, params: RunParams, report: StageReport) -> None:
        """Note the counts for the history, and say why rows of this run are invalid.

        How much was read in all is noted only of a run that can be compared with others.
        """
        from kombo_provider.ledger import EVERYWHERE, open_rows, runs
        from kombo_provider.report.why import why
        from kombo_provider.report.wording import log_why

        push = self.push
        counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (integration_id, counter), rows in report.by_integration.items():
            if rows:
                counts[integration_id][counter] = rows
        if not params.narrowing and not run.backfill and params.window in ("auto", "new"):
            counts[EVERYWHERE]["extracted"] = report.counts["extracted"]
        with ledger.transaction() as conn:
            runs.note_counts(conn, push.source, push.connections.kombo_conn_id, run.ref, counts)
            refused = open_rows.refused(conn, push.source)
        log_why([one for one in why(refused, run.ref) if one.new])

    def _show(self, sql: str) -> None:
        """Have Airflow keep the SELECT among the rendered fields now, so that it is seen after a failure too.

        Airflow renders template fields before the task, when the SQL file is not read yet.
        """
        from airflow.sdk.execution_time import task_runner
        from airflow.sdk.execution_time.comms import SetRenderedFields

        self.sql = sql
        supervisor = getattr(task_runner, "SUPERVISOR_COMMS", None)
        if supervisor is not None:  # there is none where a test calls `execute` by itself
            supervisor.send(SetRenderedFields(rendered_fields=task_runner._serialize_rendered_fields(self)))

    def _options(self, run: RunKind, params: RunParams, settings: ConnectionSettings) -> StageOptions:
        from kombo_provider.ledger.staging import Staging
        from kombo_provider.staging.stage import StageOptions

        push = self.push
        return StageOptions(
            staging=Staging(push.source, push.connections.kombo_conn_id, push.endpoint, run.ref, backfill=run.backfill),
            mapping=push.mapping(settings.integration_id, question_finder(settings)),
            window=run.window(params.window),
            interval=run.interval,
            scheduled=run.scheduled,
            lookback=push.lookback,
            sweep_every=push.sweep_every,
            first_run=push.first_run,
            narrowing=params.narrowing,
            replay=params.replay,
            dry_run=params.dry_run,
            approve_above=push.approve_above,
            confirm_rows=params.confirm_rows,
            max_in_flight=settings.max_in_flight,
            resend_in_doubt=push.in_doubt == "resend",
            keep_failed_payload_days=push.keep_failed_payload_days,
            timeout=timedelta(seconds=settings.timeout_seconds),
        )


def _later(at: datetime) -> AirflowRescheduleException:
    return AirflowRescheduleException(at + LOOKS_AGAIN_IN)  # type: ignore[no-untyped-call]  # Airflow gives no types


def _named_at_most(names: Sequence[str], at_most: int) -> str:
    said = ", ".join(names[:at_most])
    if len(names) > at_most:
        said += f" and {len(names) - at_most} more"
    return said


def _in_words(report: StageReport) -> str:
    from kombo_provider.report.wording import counted

    if report.never_sent:
        return f"{report.never_sent} older rows were never sent"
    told = Counter(report.counts)
    said = f"{told.pop('extracted', 0)} rows"
    # Nearly all rows of an hourly run are known already: the name of the task is for what is not.
    del told["already_known"]
    what = counted(told)
    if what:
        said += f": {what}"
    return said


def grouped(integration_ids: Sequence[str]) -> list[list[str]]:
    """Cut integrations, those with the fewest rows first, into at most GROUPS_AT_MOST groups.

    Airflow starts the groups in their order: short lanes wait for no long one, however few the worker slots.
    """
    if not integration_ids:
        return []
    groups = min(GROUPS_AT_MOST, len(integration_ids))
    # Rounded ends, not a fixed size: groups differ by one integration at most, and none is empty.
    ends = [round(len(integration_ids) * number / groups) for number in range(groups + 1)]
    return [list(integration_ids[begin:end]) for begin, end in pairwise(ends)]
