"""One run's staging: check, read the window into the ledger, and say what is to be sent."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from kombo_provider.errors import SourceError
from kombo_provider.ledger import Hold, Ledger, Selection, Staging, claims, doubts, erasure, now, replay, staging
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Window, choose_window
from kombo_provider.staging.approval import decide_holds
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.stager import MappingOptions, Stager

log = logging.getLogger(__name__)


class Target(Protocol):
    """What staging asks of the table that will receive the ids."""

    def check(self) -> None:
        """Raise where the table cannot take ids."""

    def holds_ids(self) -> bool:
        """Tell whether any row has an application id already."""


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
    narrowing: Narrowing = field(default_factory=Narrowing)
    replay: frozenset[str] = frozenset()
    dry_run: bool = False
    approve_above: int = 10_000
    confirm_rows: int | None = None
    resend_in_doubt: bool = False
    keep_failed_payload_days: int = 30
    timeout: timedelta = timedelta(seconds=300)


@dataclass(slots=True)
class StageReport:
    """What staging did.

    `counts` says what became of each row, by `extracted` and the ledger's COUNTERS, and is true after a failure as
    well. `ready` counts what is to be sent by integration; on the lanes of `on_wire` requests of other processes may
    run.
    """

    counts: Counter[str] = field(default_factory=Counter)
    ready: dict[str, int] = field(default_factory=dict)
    on_wire: set[str] = field(default_factory=set)

    @property
    def integration_ids(self) -> list[str]:
        """The integrations that want a sender."""
        return sorted(self.on_wire.union(self.ready))


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
    report = StageReport() if report is None else report
    if target is not None:
        _check_target(ledger, reader, target, options.staging.source)
    undecided = replace(options.staging, hold=Hold.UNDECIDED)
    stager = Stager(ledger, undecided, options.mapping, dry_run=options.dry_run, counts=report.counts)
    window, watermark, replayed = _what_to_read(ledger, options)
    log.info("Taking rows of %s with changed_at in %s", options.staging.source, window)
    stager.run(reader, window, options.narrowing, watermark, replayed=replayed)
    if options.dry_run:
        log.info("Dry run: the decision for each row is in the table kombo_dry_run; nothing is sent")
        return report
    with ledger.transaction() as conn:
        staging.lock_source(conn, options.staging.source)
        held = decide_holds(conn, selection, options.narrowing, options.approve_above, options.confirm_rows)
        _tidy_up(conn, options)
        _count_what_to_send(conn, options, selection, report)
    _count_held(report, stager, held)
    return report


def _check_target(ledger: Ledger, reader: SourceReader, target: Target, source: str) -> None:
    """Find out before anything is sent that the ids have a place, and that the ledger is not a new, empty one."""
    target.check()
    with ledger.transaction() as conn:
        empty = not staging.holds_any(conn, source)
    if not (empty and target.holds_ids()):
        return
    with reader.open() as opened:
        imports = "already_sent" in map(str.lower, opened.columns)
    if not imports:
        raise SourceError(
            f"The ledger holds nothing of source {source!r}, but its target already has Kombo ids: sending would make "
            "every applicant twice. If the ledger was lost, restore it; if the source was renamed, rename it back; if "
            "another tool made these applications, select their id as already_sent."
        )


def _what_to_read(ledger: Ledger, options: StageOptions) -> tuple[Window, datetime | None, set[tuple[str, str]]]:
    """Return the window, where the watermark moves after it, and the keys that are taken whatever the window."""
    source = options.staging.source
    with ledger.transaction() as conn:
        at, watermark = now(conn), staging.watermark(conn, source)
        ordered = options.replay and not options.dry_run
        replayed = replay.order_replay(conn, source, options.replay) if ordered else set()
    if watermark is not None:
        watermark = min(watermark, at)  # a clock that was once ahead must not hide what comes until then
    window, moves_to = choose_window(
        options.window,
        watermark=watermark,
        lookback=options.lookback,
        interval=options.interval,
        scheduled=options.scheduled,
        started_at=at,
    )
    return window, moves_to, replayed


def _count_held(report: StageReport, stager: Stager, held: Collection[str]) -> None:
    """Count this run's new rows of the integrations as held: each row counts once."""
    for (integration_id, counter), rows in stager.fresh.items():
        if integration_id in held:
            report.counts[counter] -= rows
            report.counts["held"] += rows


def _tidy_up(conn: Connection, options: StageOptions) -> None:
    source = options.staging.source
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
    if not narrowing:
        report.on_wire = set(claims.lanes_on_wire(conn, selection.source, selection.kombo_conn_id))
