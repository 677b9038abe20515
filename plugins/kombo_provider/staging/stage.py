"""One run's staging: check, read the window into the ledger, and say what is to be sent."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from kombo_provider.errors import ConfirmationRequiredError, SourceError
from kombo_provider.ledger import Hold, Ledger, claims, doubts, erasure, now, on_wire, replay, staging, waiting
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.staging import Staging
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Plan, SourceState, plan_run
from kombo_provider.staging import approval
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.same_person import SamePerson
from kombo_provider.staging.stager import MappingOptions, Stager
from kombo_provider.staging.target import Target, hold_for_approval_where_the_id_is_gone, hold_sent_elsewhere

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOptions:
    """What a run is asked to stage, and what it may send.

    `window` is `new`, `interval` or `all`. `timeout` is that of a request: no resend is ordered before it has passed.
    """

    staging: Staging
    mapping: MappingOptions
    window: str = "new"
    interval: tuple[datetime, datetime] | None = None
    scheduled: bool = False
    lookback: timedelta = timedelta(days=1)
    sweep_every: timedelta = timedelta(days=7)
    first_run: str = "ask"
    narrowing: Narrowing = field(default_factory=Narrowing)
    replay: frozenset[str] = frozenset()
    dry_run: bool = False
    approve_above: int = 10_000
    confirm_rows: int | None = None
    max_in_flight: int = 30
    """Of each lane: how long rows take depends on it."""
    resend_in_doubt: bool = False
    keep_failed_payload_days: int = 30
    timeout: timedelta = timedelta(seconds=300)
    sleep: Callable[[float], object] = time.sleep
    """Waits for a sign of life of another run."""


@dataclass(slots=True)
class StageReport:
    """What staging did.

    `counts` says what became of each row, by `extracted` and the ledger's COUNTERS, and is true after a failure as
    well; `by_integration` the same by integration (`""`: of none) and counter. `ready` counts what is to be sent by
    integration, `due` what of it may leave at once; on the lanes of `on_wire` requests of other processes may run.
    """

    counts: Counter[str] = field(default_factory=Counter)
    by_integration: Counter[tuple[str, str]] = field(default_factory=Counter)
    ready: dict[str, int] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    on_wire: set[str] = field(default_factory=set)
    not_found: dict[str, list[str]] = field(default_factory=dict)
    """What the run was asked for and did not find, by param: applicants, integrations, codes."""
    same_person: SamePerson | None = None
    never_sent: int = 0
    """Older rows before which a first scheduled run stopped."""

    @property
    def twice(self) -> dict[str, Any]:
        """How many rows are of the same person and job as another, and the first of them; keys and numbers only."""
        found = self.same_person
        return {"rows": found.rows, "such_as": found.named} if found is not None and found.rows else {}

    @property
    def integration_ids(self) -> list[str]:
        """The integrations that want a sender, those with the fewest due rows first."""
        return sorted(self.on_wire.union(self.ready), key=lambda name: (self.due.get(name, 0), name))


def stage(
    ledger: Ledger,
    reader: SourceReader,
    options: StageOptions,
    *,
    selection: Selection,
    target: Target | None = None,
    report: StageReport | None = None,
) -> StageReport:
    """Read the run's window of the source into the ledger; count which rows of the selection are to be sent.

    A `report` that is handed in is filled while this works, so that a caller has the counts of what failed half-way.
    Where more rows than `approve_above` would newly leave to one integration, those are held. Raises SourceError and
    the target's errors before anything is staged.
    """
    if report is None:
        report = StageReport()
    if target is not None:
        target.check()
    stager = Stager(
        ledger,
        # No sender takes a new row before it is known how many there are, not even if this run is killed half-way.
        replace(options.staging, hold=Hold.UNDECIDED),
        options.mapping,
        dry_run=options.dry_run,
        counts=report.counts,
        by_integration=report.by_integration,
        target=target,
    )
    report.same_person = stager.same_person
    # All that may stop the run comes before the first row is written (contract, section 7).
    if target is not None:
        _stop_before_a_lost_ledger(ledger, stager, reader, target, options.staging.source)
    plan, started_at = _plan(ledger, options)
    if plan.older_than is not None:
        _stop_before_older_rows(stager, reader, plan.older_than, report)
    replayed = _order_replay(ledger, options)
    log.info("Taking rows of %s with changed_at in %s", options.staging.source, plan.window)
    stager.run(reader, plan, options.narrowing, started_at=started_at, replayed=replayed)
    looked_for = frozenset() if options.dry_run else options.replay
    report.not_found |= stager.asked.not_found(ledger, options.staging.source, looked_for)
    if options.dry_run:
        log.info("Dry run: the decision for each row is in the table kombo_dry_run; nothing is sent")
        return report
    if target is not None:
        _hold_sent_elsewhere(ledger, target, selection, started_at)
    _decide_what_to_send(ledger, options, selection, report)
    if target is not None:  # only now: `confirm_rows` is about the rows that somebody was told of
        _hold_where_the_id_is_gone(ledger, target, selection)
    return report


def _decide_what_to_send(ledger: Ledger, options: StageOptions, selection: Selection, report: StageReport) -> None:
    """Hold or release what was staged, and count what the run would send.

    First the run's own rows: others may wait for its decision. Then what dead runs left.
    """
    source, run, narrowing = options.staging.source, options.staging.run, options.narrowing
    with ledger.transaction() as conn:
        staging.lock_source(conn, source)
        # The number is first of all about rows that somebody was told of, not about those that are held just now.
        released = approval.release_confirmed(conn, selection, narrowing, options.confirm_rows)
        held = approval.decide(conn, selection, [run], options.approve_above)
    dead = approval.abandoned(ledger, selection, run, sleep=options.sleep)
    with ledger.transaction() as conn:
        erasure.keep_forgotten(conn)
    with ledger.transaction() as conn:
        staging.lock_source(conn, source)
        held |= approval.decide(conn, selection, dead, options.approve_above)
        if not released:
            approval.release_confirmed(conn, selection, narrowing, options.confirm_rows)
        held &= set(approval.tell_of_held(conn, selection, narrowing, options.approve_above, options.max_in_flight))
        _tidy_up(conn, options, selection)
        _count_what_to_send(conn, options, selection, report)
    _count_held(report, held)


def _stop_before_a_lost_ledger(
    ledger: Ledger, stager: Stager, reader: SourceReader, target: Target, source: str
) -> None:
    """Raise where the ledger is a new, empty one, though rows that the SELECT returns have ids in the target."""
    with ledger.transaction() as conn:
        empty = not staging.holds_any(conn, source)
    if empty and target.holds_ids() and stager.any_with_id(reader, target):
        raise SourceError(
            f"The ledger holds nothing of source {source!r}, but its target already has Kombo ids: sending would make "
            "every applicant twice. If the ledger was lost, restore it; if the source was renamed, rename it back; if "
            "another tool made these applications, select their id as already_sent."
        )


def _plan(ledger: Ledger, options: StageOptions) -> tuple[Plan, datetime]:
    """Return what the run reads, and when it began by the ledger's clock."""
    source = options.staging.source
    with ledger.transaction() as conn:
        at, swept_at = now(conn), staging.swept_at(conn, source)
        state = SourceState(
            watermark=staging.watermark(conn, source),
            floor=staging.floor(conn, source),
            sweep_due=swept_at is None or swept_at + options.sweep_every <= at,
        )
    plan = plan_run(
        options.window,
        state,
        lookback=options.lookback,
        interval=options.interval,
        scheduled=options.scheduled,
        started_at=at,
        first_run=options.first_run,
    )
    return plan, at


def _order_replay(ledger: Ledger, options: StageOptions) -> dict[tuple[str, str], str]:
    """Have refused rows tried again; return their keys, which are taken whatever the window, and their codes."""
    if not options.replay or options.dry_run:
        return {}
    with ledger.transaction() as conn:
        return replay.order_replay(conn, options.staging.source, options.replay)


def _stop_before_older_rows(stager: Stager, reader: SourceReader, before: datetime, report: StageReport) -> None:
    report.never_sent = stager.count_unknown(reader, before)
    if not report.never_sent:
        return
    rows = f"{report.never_sent} rows from before {before:%Y-%m-%d %H:%M} UTC"
    # Airflow shows an exception in one long line, which ends at the edge of the window.
    log.error("%s were never sent; a first scheduled run asks", rows)
    log.error('To send them: trigger the DAG once with window=all, or write first_run="all"')
    log.error('To leave them and begin now: write first_run="from_now"')
    raise ConfirmationRequiredError(
        f"The source holds {rows} that were never sent, and this is "
        "its first scheduled run. Nothing was staged or sent. To send them, trigger the DAG once with "
        'window=all, or write first_run="all"; to leave them and begin now, write first_run="from_now".'
    )


def _hold_sent_elsewhere(ledger: Ledger, target: Target, selection: Selection, started_at: datetime) -> None:
    held = hold_sent_elsewhere(ledger, target, selection, started_at)
    if held:
        log.warning(
            "%d rows that waited are held: the target has Kombo ids for them that no delivery bears. The ledger is "
            "probably an older copy: restore the newest",
            held,
        )


def _hold_where_the_id_is_gone(ledger: Ledger, target: Target, selection: Selection) -> None:
    moved = hold_for_approval_where_the_id_is_gone(ledger, target, selection)
    if moved:
        log.warning(
            "%d rows were held for an id in the target that is gone now: they wait for a person's approval. If nobody "
            "made these applications, confirm them (confirm_rows, or the question of kombo_ask_dag)",
            moved,
        )


def _count_held(report: StageReport, held: Collection[str]) -> None:
    """Count this run's new rows of the integrations as held: each row counts once."""
    for integration_id in held:
        for counter in ("new", "restaged"):
            rows = report.by_integration.pop((integration_id, counter), 0)
            report.by_integration[integration_id, "held"] += rows
            report.counts[counter] -= rows
            report.counts["held"] += rows


def _tidy_up(conn: Connection, options: StageOptions, selection: Selection) -> None:
    source = options.staging.source
    waiting.shorten(conn, selection, options.timeout)
    erasure.empty_old_payloads(conn, source, options.keep_failed_payload_days)
    if options.resend_in_doubt:
        doubts.order_automatic_resends(conn, source, options.timeout, options.staging.run)


def _count_what_to_send(conn: Connection, options: StageOptions, selection: Selection, report: StageReport) -> None:
    """Count what the run would send; a narrowed run leaves the lanes alone where other processes send."""
    narrowing, run = options.narrowing, options.staging.run
    integration_ids = sorted(narrowing.integration_ids)
    if narrowing.limit is not None:
        claims.adopt(conn, selection, integration_ids, narrowing.limit, run)
    report.ready = claims.count_ready(conn, selection, integration_ids)
    report.due = claims.count_ready(conn, selection, integration_ids, due=True)
    if not narrowing:
        report.on_wire = set(on_wire.lanes(conn, selection.source, selection.kombo_conn_id))
