"""Kombo's ids back into the user's table, in bulk, never half a row."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, cast, select
from sqlalchemy import Text as SqlText
from sqlalchemy.exc import DBAPIError

from kombo_provider.database import describe
from kombo_provider.errors import WriteBackError
from kombo_provider.ledger import DeliveredIds, Ledger, RunRef, delivered_ids
from kombo_provider.write_back.key_columns import key_columns
from kombo_provider.write_back.matching import SHARED, Found, Miss, Pair, ids_of, matches, stand_written
from kombo_provider.write_back.open_target import IN_LEDGER, NOTHING_SENT, OpenTarget, concerns_rows, is_locked

log = logging.getLogger(__name__)

CHUNK_ROWS = 5_000
_KEYS_NAMED = 10
_REFUSALS_AT_MOST = 20
"""So many single rows the database may refuse, one after the other, before the table itself is to blame."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a statement waits for a lock: at first, and once another transaction is known to hold one."""

    first_lock_seconds: float = 30.0
    next_lock_seconds: float = 1.0


@dataclass(slots=True)
class WriteBackReport:
    """How many rows got ids, and which did not: their keys match no row or several, or the database refused them.

    `missed` counts by integration those misses that are new, for they were delivered by the run that writes back.
    """

    written: int = 0
    without_row: int = 0
    with_several_rows: int = 0
    refused: int = 0
    integration_ids: frozenset[str] = frozenset()
    missed: Counter[str] = field(default_factory=Counter)


class WriteBack:
    """Writes the ids of a source's deliveries into one table.

    `key` is the column that holds `applicant_id`, or a mapping of `applicant_id` and `integration_id` to columns.
    Raises WriteBackError for a missing table or missing columns, with the ALTER to paste.
    """

    def __init__(
        self, engine: Engine, table: str, key: str | Mapping[str, str], patience: Patience | None = None
    ) -> None:
        self._target = OpenTarget(engine, table, key_columns(key))
        self._patience = patience or Patience()

    def check(self) -> None:
        """Make sure that the table is there, can take the ids, and that the connection may write them."""
        wait = self._patience.first_lock_seconds
        with self._target.errors(NOTHING_SENT), self._target.writing(wait) as conn:
            self._target.rows(conn).try_write()
            conn.rollback()

    def holds_ids(self) -> bool:
        """Tell whether any row of the table has an application id already."""
        wait = self._patience.first_lock_seconds
        with self._target.errors(NOTHING_SENT), self._target.reading(wait) as conn:
            column = self._target.table(conn).c["kombo_application_id"]
            return conn.execute(select(cast(column, SqlText)).where(column.is_not(None)).limit(1)).first() is not None

    def ids_of(self, keys: Sequence[Pair]) -> dict[Pair, str]:
        """Return the application id that the row of a key has, for those keys (integration, applicant) that have one.

        Reads only, so it may be called while a transaction of the ledger is open.
        """
        found = self._found(keys)
        return {keys[one.number]: one.ids[0] for one in found if one.exact and one.ids[0] is not None}

    def foreign_ids(self, ledger: Ledger, keys: Sequence[Pair]) -> dict[Pair, str]:
        """Return the same for those application ids that no delivery of the ledger bears, whatever its source.

        An older copy of the ledger, or another tool, made them: to send such a row would make its applicant twice.
        Opens a transaction of the ledger.
        """
        there = self.ids_of(keys)
        if not there:
            return {}
        with ledger.transaction() as conn:
            known = delivered_ids.who_bears(conn, "kombo_application_id", set(there.values()))
        return {key: application_id for key, application_id in there.items() if application_id not in known}

    def check_keys(self, ledger: Ledger, source: str, keys: Sequence[Pair]) -> None:
        """Raise WriteBackError if none of these keys of the SELECT has a row, and none of the source ever had one.

        `keys` are a sample, such as the first rows of an extract. Opens a transaction of the ledger.
        """
        with ledger.transaction() as conn:
            proven = delivered_ids.was_any_written_back(conn, source)
        if proven or not keys or any(one.exact for one in self._found(keys)):
            return
        columns = ", ".join(f"{part} in {column}" for part, column in self._target.key.items())
        raise WriteBackError(
            f"None of the first {len(keys)} keys of the SELECT stands in {self._target.name} ({columns}): no id could "
            "be written back. Nothing was sent. Name the column that holds these keys in write_back_key, have the "
            "SELECT give what that column holds, or pass write_back_table=None to keep the ids in the ledger only."
        )

    def _found(self, keys: Sequence[Pair]) -> list[Found]:
        wait = self._patience.first_lock_seconds
        with self._target.errors(NOTHING_SENT), self._target.reading(wait) as conn:
            return self._target.rows(conn).find(dict(enumerate(keys)))

    def run(self, ledger: Ledger, source: str, *, refill: bool = False, run: RunRef | None = None) -> WriteBackReport:
        """Write what is not written back yet (all there is with `refill`); safe to repeat after any crash.

        Raises WriteBackError where the database refuses every row that is new.
        """
        writing = _Writing(self._target, self._patience, ledger, source, run)
        after: Pair | None = None
        while True:
            with ledger.transaction() as conn:
                chunk = delivered_ids.to_write_back(conn, source, after=after, limit=CHUNK_ROWS, refill=refill)
            if not chunk:
                break
            after = chunk[-1].integration_id, chunk[-1].applicant_id
            with self._target.errors(IN_LEDGER):
                writing.write(chunk)
        writing.finish()
        return writing.report


class _Writing:
    """One run over the deliveries: what is written, refused, and how long locks are waited for."""

    def __init__(self, target: OpenTarget, patience: Patience, ledger: Ledger, source: str, run: RunRef | None) -> None:
        self._target, self._patience, self._ledger, self._source, self._run = target, patience, ledger, source, run
        self.report = WriteBackReport()
        self._lock_seconds = patience.first_lock_seconds
        self._locked = 0
        self._named = 0
        self._refused_new = 0
        self._last_refusal = ""

    def write(self, chunk: Sequence[DeliveredIds]) -> None:
        """Write a chunk; where the database refuses one row of it, halve it until that row is alone."""
        parts = deque([list(chunk)])
        while parts:
            part = parts.popleft()
            try:
                self._write_part(part)
            except DBAPIError as exc:
                if not concerns_rows(exc):
                    raise
                if is_locked(exc):
                    self._lock_seconds = self._patience.next_lock_seconds
                if len(part) == 1:
                    self._refuse(part[0], exc)
                else:
                    middle = len(part) // 2
                    parts.extendleft((part[middle:], part[:middle]))

    def _refuse(self, delivered: DeliveredIds, exc: DBAPIError) -> None:
        self._locked += is_locked(exc)
        refused = self.report.refused + 1
        if self._locked >= _REFUSALS_AT_MOST or (refused >= _REFUSALS_AT_MOST and not self.report.written):
            raise exc
        self._last_refusal = describe(exc)
        self._miss(delivered, f"is refused by the database ({self._last_refusal})")
        self._count_refused(delivered)

    def _count_refused(self, delivered: DeliveredIds) -> None:
        self.report.refused += 1
        self._refused_new += delivered.is_of(self._run)

    def _write_part(self, part: Sequence[DeliveredIds]) -> None:
        numbered = dict(enumerate(part))
        asked: set[tuple[str, str]] = set()
        taken: set[tuple[str, str]] = set()
        while True:
            with self._target.writing(self._lock_seconds) as conn:
                rows = self._target.rows(conn)
                found = rows.find(_pairs(numbered))
                alone, missed = matches(found, numbered)
                strangers = {number: id_ for number, row in alone.items() if (id_ := _stranger(row, numbered[number]))}
                if not asked.issuperset(strangers.values()):
                    conn.rollback()
                else:
                    shared = {number for number, id_ in strangers.items() if id_ in taken}
                    mine = {number: numbered[number] for number in alone if number not in shared}
                    stand = set()
                    if mine:
                        rows.write(mine)
                        stand = stand_written(rows.find(_pairs(mine)), mine)
                    conn.commit()
                    break
            asked.update(strangers.values())
            taken = self._borne(asked)
        missed |= dict.fromkeys(shared, Miss(SHARED, 1))
        self._account(numbered, stand, missed, unchanged=mine.keys() - stand)

    def _borne(self, ids: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those ids that a delivery bears: its row is not to be overwritten by another."""
        borne: set[tuple[str, str]] = set()
        with self._ledger.transaction() as conn:
            for column in {column for column, _ in ids}:
                known = delivered_ids.who_bears(conn, column, {id_ for of, id_ in ids if of == column})
                borne |= {(column, id_) for id_ in known}
        return borne

    def _account(
        self, part: Mapping[int, DeliveredIds], stand: set[int], missed: Mapping[int, Miss], *, unchanged: set[int]
    ) -> None:
        written = [part[number] for number in sorted(stand)]
        with self._ledger.transaction() as conn:
            delivered_ids.mark_written_back(conn, self._source, written)
        self.report.written += len(written)
        self.report.integration_ids |= {delivered.integration_id for delivered in written}
        for number, miss in missed.items():
            self._miss(part[number], f"matches {miss.matches} of the target")
            if miss.rows:
                self.report.with_several_rows += 1
            else:
                self.report.without_row += 1
        for number in sorted(unchanged):
            self._last_refusal = "the UPDATE changed nothing: a trigger, a rule, a view or row-level security"
            self._miss(part[number], "has a row that the database did not change (a trigger, rule, view or policy)")
            self._count_refused(part[number])

    def _miss(self, delivered: DeliveredIds, why: str) -> None:
        if delivered.is_of(self._run):
            self.report.missed[delivered.integration_id] += 1
        self._named += 1
        if self._named <= _KEYS_NAMED:
            log.warning(
                "Applicant %s of %s %s: its ids stay in the ledger",
                delivered.applicant_id,
                delivered.integration_id,
                why,
            )

    def finish(self) -> None:
        """Say what was done; raise where the table took nothing at all."""
        report = self.report
        log.info(
            "%d rows got their ids; %d keys match no row, %d match several, %d rows were refused by the database",
            report.written,
            report.without_row,
            report.with_several_rows,
            report.refused,
        )
        if self._refused_new and not report.written:
            raise WriteBackError(
                f"Writing ids back into {self._target.name} failed: the database refused all {report.refused} rows "
                f"({self._last_refusal}). {IN_LEDGER}."
            )


def _pairs(delivered: Mapping[int, DeliveredIds]) -> dict[int, Pair]:
    return {number: (one.integration_id, one.applicant_id) for number, one in delivered.items()}


def _stranger(row: Found, delivered: DeliveredIds) -> tuple[str, str] | None:
    """Return the ledger's column and the id that stands in the row and is not the delivery's own, if there is one."""
    application_id, _, candidate_id, _ = row.ids
    ours, _, our_candidate, _ = ids_of(delivered)
    if application_id is not None:
        return None if application_id == ours else ("kombo_application_id", application_id)
    if candidate_id is not None and candidate_id != our_candidate:
        return "kombo_candidate_id", candidate_id
    return None
