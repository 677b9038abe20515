"""From the source into the ledger: reads a window, maps each row, stages it, and says what became of each."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import compress

from sqlalchemy import Connection

from kombo_provider.ledger import DeliveryKey, Ledger, dry_run, passed_over, staging
from kombo_provider.ledger.staging import Staging
from kombo_provider.mapping import MappedRow, RowMapper, SourceRows
from kombo_provider.mapping.questions import FindQuestions
from kombo_provider.quiet_collector import quiet_collector
from kombo_provider.source.reader import OpenSource, SourceReader
from kombo_provider.source.window import Plan, Window
from kombo_provider.staging.asked_for import AskedFor
from kombo_provider.staging.mapping_options import MappingOptions as MappingOptions
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.passed_rows import PassedRows
from kombo_provider.staging.personal_ids import PersonalIds
from kombo_provider.staging.reach import Reach
from kombo_provider.staging.recognition import Recognition
from kombo_provider.staging.remarks import Remarks
from kombo_provider.staging.same_person import SamePerson
from kombo_provider.staging.seen_keys import SeenKeys
from kombo_provider.staging.sent_elsewhere import SentElsewhere
from kombo_provider.staging.target import Target, TargetCheck
from kombo_provider.staging.transform import transformed

log = logging.getLogger(__name__)

_LOG_EVERY_SECONDS = 30.0
_REASONS_SHOWN = 5


class Stager:
    """Stages one extract of a source; `counts` holds `extracted` and staging.COUNTERS, which add up to it."""

    def __init__(
        self,
        ledger: Ledger,
        staging_for: Staging,
        options: MappingOptions,
        *,
        dry_run: bool = False,
        counts: Counter[str] | None = None,
        by_integration: Counter[tuple[str, str]] | None = None,
        target: Target | None = None,
    ) -> None:
        self._target = TargetCheck(target, ledger, staging_for.source) if target is not None else None
        self._ledger, self._staging, self._options, self._dry_run = ledger, staging_for, options, dry_run
        self.counts: Counter[str] = Counter() if counts is None else counts
        self.counts.update(dict.fromkeys(("extracted", *staging.COUNTERS), 0))
        self.by_integration: Counter[tuple[str, str]] = Counter() if by_integration is None else by_integration
        self.job_changed = 0
        self._seen = SeenKeys()
        self._passed, self._personal_ids = PassedRows(), PersonalIds()
        self.asked = AskedFor(Narrowing(), {})
        self._sent_elsewhere = SentElsewhere(staging_for.source)
        self._remarks = Remarks()
        self._find_questions: FindQuestions | None = None  # asked only for rows that are staged
        self.same_person = SamePerson(staging_for.source, hold=options.same_person == "hold", dry_run=dry_run)

    def run(
        self,
        reader: SourceReader,
        plan: Plan,
        narrowing: Narrowing,
        *,
        started_at: datetime,
        replayed: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        """Stage the rows of the plan's window and then, unless the run is narrowed, move the watermark.

        `replayed` are keys, and the codes they bear, taken whatever the window. Rows after `started_at` are `not_yet`.
        Rows are committed chunk by chunk: whatever stops this, a second run finds the first one's rows there.
        """
        reach = Reach(plan.window, narrowing, replayed or {}, now=started_at)
        self._find_questions = self._options.find_questions
        self.asked = AskedFor(narrowing, replayed or {})
        started = logged = time.monotonic()
        if self._dry_run:
            with self._ledger.transaction() as conn:
                dry_run.clear(conn, self._staging.source)
        looks = not (self._dry_run or narrowing or replayed) and self._options.same_person != "hold"
        by_user = self._options.transform is not None
        with reader.open() as source, quiet_collector(each_chunk=by_user) as collect_cycles:
            for rows in self._mapped(source, reach, looks=looks):
                self._stage(rows)
                collect_cycles()
                if time.monotonic() - logged > _LOG_EVERY_SECONDS:
                    logged = time.monotonic()
                    log.info("%d rows extracted, %.0f rows/s", *self._rate(started))
        if not narrowing and not self._dry_run:
            self._remember(plan, reach.greatest, started_at)
        self._log_end(started)

    def count_unknown(self, reader: SourceReader, before: datetime) -> int:
        """Count the rows older than an instant that the ledger does not know; changes nothing."""
        seen, count = SeenKeys(), 0
        with reader.open() as source:
            for rows in self._mapped(source, Reach(Window(None, before, undated=False))):
                keys = [_key(row) for row in rows if row.key_problem is None]
                with self._ledger.transaction() as conn:
                    unknown = set(keys) - staging.known_keys(conn, self._staging.source, keys)
                count += seen.add_new(unknown)
        return count

    def any_with_id(self, reader: SourceReader, target: Target) -> bool:
        """Tell whether a row that the SELECT returns has an application id in the target; changes nothing."""
        with reader.open() as source:
            for rows in self._mapped(source, Reach(Window())):
                if target.ids_of([_key(row) for row in rows if row.key_problem is None and row.already_sent is None]):
                    return True
        return False

    def _remember(self, plan: Plan, reached: datetime | None, started_at: datetime) -> None:
        """Move what the next run goes by; only now that every row of the window is committed."""
        source = self._staging.source
        with self._ledger.transaction() as conn:
            staging.lock_source(conn, source)
            if reached is None and staging.watermark(conn, source) is None:
                reached = plan.begins_at
            if plan.moves and reached is not None:
                staging.move_watermark(conn, source, reached)
            if plan.floor is not None:
                staging.set_floor(conn, source, plan.floor)
            if plan.sweeps:
                staging.note_sweep(conn, source)
            read = passed_over.Span(plan.window.lower, plan.window.upper, plan.window.undated, plan.sweeps)
            passed_over.forget_gone(conn, source, read, started_at=started_at)

    def _mapped(self, source: OpenSource, reach: Reach, *, looks: bool = False) -> Iterator[list[MappedRow]]:
        transform, limit = self._options.transform, reach.narrowing.limit
        recognition = Recognition(self._ledger, self._staging, self._options.rules, looks=looks)
        # Of a transform the columns are not known before it has made a first chunk.
        mapper = None if transform else self._mapper(source.columns)
        taken = 0
        for raw in source.chunks(reach.cut):
            extracted = SourceRows(source.columns, *raw)
            if transform is not None:
                extracted = SourceRows.of_frame(transformed(transform, source.frame_of(raw.rows)))
            if mapper is None:
                mapper = self._mapper(extracted.columns)
            rows, not_yet = reach.take(recognition.map_rows(mapper, extracted))
            self.asked.take(rows)
            self._count_not_yet(not_yet)
            if limit is not None:
                rows = self._not_settled(rows)[: limit - taken]
                taken += len(rows)
            yield rows
            if limit is not None and taken >= limit:
                return

    def _count_not_yet(self, rows: Sequence[MappedRow]) -> None:
        self.counts["extracted"] += len(rows)
        self.counts["not_yet"] += len(rows)
        for row in rows:
            self.by_integration[row.integration_id or "", "not_yet"] += 1

    def _not_settled(self, rows: Sequence[MappedRow]) -> list[MappedRow]:
        """Pass over rows that staging would leave as they are: a limit is for the others, run after run."""
        keyed = [row for row in rows if row.key_problem is None]
        with self._ledger.transaction() as conn:
            decisions = staging.foresee(conn, self._staging.source, keyed)
        return [row for row, (_, status) in zip(keyed, decisions, strict=True) if status is not None]

    def _mapper(self, columns: Sequence[str]) -> RowMapper:
        mapper = self._options.mapper(columns, self._staging.endpoint, self._find_questions)
        self._remarks.of(mapper)
        return mapper

    def _stage(self, rows: Sequence[MappedRow]) -> None:
        self.counts["extracted"] += len(rows)
        keyed = [row for row in rows if self._has_key(row)]
        self._personal_ids.look_at(keyed)
        self._remarks.look_at(keyed)
        keys = [_key(row) for row in keyed]
        foreign: Mapping[tuple[str, str], str] = {}
        if self._target is not None:  # before the transaction: the target may be another, slow database
            foreign = self._target.foreign_ids(keys)
        with self._ledger.transaction() as conn:
            # Two runs of one source would each find a key new, and each count it.
            staging.lock_source(conn, self._staging.source)
            suspects = list(compress(keys, self._seen.may_hold(keys)))
            # A key that was perhaps seen in this extract counts as repeated only if the ledger holds it by now.
            known = dry_run.known_keys if self._dry_run else staging.known_keys
            repeated = known(conn, self._staging.source, suspects)
            fresh: dict[tuple[str, str], MappedRow] = {}
            for key, row in zip(keys, keyed, strict=True):
                if key not in repeated and key not in fresh:
                    fresh[key] = row
                    continue
                self._passed.duplicate(row)
                self.by_integration[row.integration_id or "", "duplicate_keys"] += 1
            known_before = staging.known_keys(conn, self._staging.source, list(foreign))
            staged = self._enter(conn, self.same_person.settle(conn, list(fresh.values())))
            if foreign and not self._dry_run:
                self._sent_elsewhere.hold(conn, foreign, known_before, staged, self.by_integration)
            passed = self._passed.of_chunk()
            if not self._dry_run:
                passed_over.note(conn, self._staging.source, self._staging.run, passed)
        # Only now that they are committed: a chunk that failed left nothing there that could be repeated.
        self._seen.add(fresh)
        self.counts.update(staged, duplicate_keys=len(keyed) - len(fresh))

    def _enter(self, conn: Connection, rows: Sequence[MappedRow]) -> Counter[str]:
        if self._dry_run:
            return dry_run.rehearse(conn, self._staging, rows)
        return staging.stage(
            conn, self._staging, rows, on_job_changed=self._on_job_changed, by_integration=self.by_integration
        )

    def _has_key(self, row: MappedRow) -> bool:
        if row.key_problem is None:
            return True
        self.counts["without_key"] += 1
        self.by_integration[row.integration_id or "", "without_key"] += 1
        self._passed.without_key(row, row.key_problem)
        return False

    def _on_job_changed(self, key: DeliveryKey) -> None:
        self.job_changed += 1
        if self.job_changed <= _REASONS_SHOWN:
            log.warning(
                "Applicant %s of %s was delivered for another job: nothing is sent again. If one person applies for "
                "several jobs, make the key the application's: id || ':' || job",
                key.applicant_id,
                key.integration_id,
            )

    def _rate(self, started: float) -> tuple[int, float]:
        return self.counts["extracted"], self.counts["extracted"] / max(time.monotonic() - started, 0.001)

    def _log_end(self, started: float) -> None:
        log.info("%d rows extracted, %.0f rows/s: %s", *self._rate(started), _worded(self.counts))
        self._passed.log()
        self._personal_ids.log()
        self._remarks.log()
        self.same_person.log()
        self._sent_elsewhere.log()
        if self.counts["changed_after_delivery"]:
            log.warning(
                "%d delivered rows have changed since: nothing is sent again; where it matters, change the record in "
                "the ATS",
                self.counts["changed_after_delivery"],
            )


def _key(row: MappedRow) -> tuple[str, str]:
    return row.integration_id or "", row.applicant_id or ""


def _worded(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in staging.COUNTERS if counts[name]) or "nothing to do"
