"""One run of the write-back: chunk by chunk, halved where the database refuses a row, accounted for in the ledger."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError

from kombo_provider.driver_errors import describe
from kombo_provider.errors import TargetUnavailableError, WriteBackError
from kombo_provider.ledger import Ledger, RunRef, delivered_ids
from kombo_provider.ledger.delivered_ids import DeliveredIds
from kombo_provider.write_back.case_update import CaseUpdate
from kombo_provider.write_back.joined_update import JoinedUpdate
from kombo_provider.write_back.matching import SHARED, Found, Miss, Pair, matches, stand_written
from kombo_provider.write_back.open_target import IN_LEDGER, OpenTarget, Patience, concerns_rows, is_held_up

log = logging.getLogger(__name__)

_KEYS_NAMED = 10
_REFUSALS_AT_MOST = 20
"""So many single rows the database may refuse, and none be written, before it is asked whether it takes any."""

Later = Callable[[Pair], Iterable[Sequence[DeliveredIds]]]
"""Gives the chunks after a key (integration id, applicant id)."""

BorneId = tuple[str, str]
"""A column of the ledger and the id that stands in it."""


@dataclass(slots=True)
class WriteBackReport:
    """How many rows got ids, and which did not: their keys match no row or several, or the database refused them.

    `missed` counts by integration those misses that no other run met before.
    """

    written: int = 0
    without_row: int = 0
    with_several_rows: int = 0
    refused: int = 0
    missed: Counter[str] = field(default_factory=Counter)

    @property
    def handled(self) -> int:
        """How many delivered rows there were to write."""
        return self.written + self.without_row + self.with_several_rows + self.refused


class Writing:
    """One run over the deliveries: what is written, refused, and how long locks are waited for."""

    def __init__(
        self,
        target: OpenTarget,
        patience: Patience,
        ledger: Ledger,
        source: str,
        run: RunRef | None,
        report: WriteBackReport,
    ) -> None:
        self._target, self._patience, self._ledger, self._source, self._run = target, patience, ledger, source, run
        self.report = report
        self._tried: set[Pair] = set()  # before their turn
        self._wait = patience.first
        self._held_up = 0
        self._left: DBAPIError | None = None
        self._named = 0
        self._refused_new = 0
        self._missed: list[DeliveredIds] = []
        self._last_refusal = ""

    def write(self, chunk: Sequence[DeliveredIds], later: Later) -> bool:
        """Write a chunk; where the database refuses one row of it, halve it until that row is alone.

        Returns whether to go on: not where the table takes nothing still, and refused these rows in other runs before.
        Raises the database's error where it takes nothing and a refusal is new.
        """
        parts = deque([[one for one in chunk if _pair(one) not in self._tried]])
        goes_on = True
        while parts and goes_on:
            part = parts.popleft()
            try:
                self._write_part(part)
            except DBAPIError as exc:
                self._make_smaller(part, parts, exc)
                if self._seems_to_take_nothing() and not self._takes_any(parts, later(_pair(chunk[-1]))):
                    self._blame_table(exc)
                    goes_on = False
        self._remember_missed()
        return goes_on

    def _make_smaller(self, part: list[DeliveredIds], parts: deque[list[DeliveredIds]], exc: DBAPIError) -> None:
        if not concerns_rows(exc):
            raise exc
        if is_held_up(exc):
            self._wait = self._patience.next
        if len(part) == 1:
            self._refuse(part[0], exc)
        elif self._held_up < _REFUSALS_AT_MOST:
            middle = len(part) // 2
            parts.extendleft((part[middle:], part[:middle]))
        else:
            # Each try may wait: which of its rows is locked is left open, so that other parts have their turn.
            self._left = exc
            self._count_held_up(exc)

    def _seems_to_take_nothing(self) -> bool:
        return self.report.refused >= _REFUSALS_AT_MOST and not self.report.written

    def _takes_any(self, parts: Iterable[list[DeliveredIds]], later: Iterable[Sequence[DeliveredIds]]) -> bool:
        """Try a row of each later part of the chunk, then of each integration in each later chunk, until one is taken.

        Rows that are refused may all stand first in the order of their keys.
        """
        for part in parts:
            if self._takes(part.pop()):
                return True
        for chunk in later:
            last_of_each = {one.integration_id: one for one in chunk}
            for one in last_of_each.values():
                self._tried.add(_pair(one))
                if self._takes(one):
                    return True
        return False

    def _takes(self, delivered: DeliveredIds) -> bool:
        try:
            self._write_part([delivered])
        except DBAPIError as exc:
            if not concerns_rows(exc):
                raise
            self._refuse(delivered, exc)
        return self.report.written > 0

    def _blame_table(self, exc: DBAPIError) -> None:
        if self._refused_new:
            self._remember_missed()
            raise exc
        log.warning("%s refuses still what it refused in earlier runs: the rest is not tried", self._target.name)

    def _refuse(self, delivered: DeliveredIds, exc: DBAPIError) -> None:
        self._last_refusal = describe(exc)
        self._miss(delivered, f"is refused by the database ({self._last_refusal})")
        self._count_refused(delivered)
        if is_held_up(exc):
            self._count_held_up(exc)

    def _count_held_up(self, exc: DBAPIError) -> None:
        self._held_up += 1
        if self._held_up >= 2 * _REFUSALS_AT_MOST:
            self._remember_missed()
            raise exc

    def _count_refused(self, delivered: DeliveredIds) -> None:
        self.report.refused += 1
        self._refused_new += delivered.is_new_miss(self._run)

    def _write_part(self, part: Sequence[DeliveredIds]) -> None:
        """Write what has a row to itself, and read back what stands there afterwards.

        Ids of others that stand in a row already are looked up in the ledger between two transactions of the target:
        both may be one SQLite file, which has one writer at a time.
        """
        numbered = dict(enumerate(part))
        asked: set[BorneId] = set()
        taken: set[BorneId] = set()
        while True:
            with self._target.writing(self._wait) as conn:
                rows = self._target.rows(conn)
                alone, missed = matches(rows.find(_pairs(numbered)), numbered)
                strangers = _strangers(alone, numbered)
                if asked.issuperset(strangers.values()):
                    shared = {number for number, there in strangers.items() if there in taken}
                    mine = {number: numbered[number] for number in alone if number not in shared}
                    stand = _write(rows, mine)
                    conn.commit()
                    break
                conn.rollback()
            asked.update(strangers.values())
            taken = self._borne(asked)
        missed |= dict.fromkeys(shared, Miss(SHARED, 1))
        self._account(numbered, stand, missed, unchanged=mine.keys() - stand)

    def _borne(self, ids: set[BorneId]) -> set[BorneId]:
        """Return those ids that a delivery bears: its row is not to be overwritten by another."""
        by_column: defaultdict[str, set[str]] = defaultdict(set)
        for column, id_ in ids:
            by_column[column].add(id_)
        borne: set[BorneId] = set()
        with self._ledger.transaction() as conn:
            for column, of_column in by_column.items():
                borne |= {(column, id_) for id_ in delivered_ids.who_bears(conn, column, of_column)}
        return borne

    def _account(
        self, part: Mapping[int, DeliveredIds], stand: set[int], missed: Mapping[int, Miss], *, unchanged: set[int]
    ) -> None:
        written = [part[number] for number in sorted(stand)]
        with self._ledger.transaction() as conn:
            delivered_ids.mark_written_back(conn, self._source, written)
        self.report.written += len(written)
        for number, miss in missed.items():
            self._miss(part[number], f"matches {miss.matches}")
            if miss.rows:
                self.report.with_several_rows += 1
            else:
                self.report.without_row += 1
        for number in sorted(unchanged):
            self._last_refusal = "the UPDATE changed nothing: a trigger, a rule, a view or row-level security"
            self._miss(part[number], "has a row that the database did not change (a trigger, rule, view or policy)")
            self._count_refused(part[number])

    def _miss(self, delivered: DeliveredIds, why: str) -> None:
        if delivered.is_new_miss(self._run):
            self.report.missed[delivered.integration_id] += 1
            self._missed.append(delivered)
        self._named += 1
        if self._named <= _KEYS_NAMED:
            log.warning(
                "Applicant %s of %s %s: its ids stay in the ledger",
                delivered.applicant_id,
                delivered.integration_id,
                why,
            )

    def _remember_missed(self) -> None:
        """Keep these from counting as new in the next run; without a run nobody judges them."""
        missed, self._missed = self._missed, []
        if self._run is not None:
            with self._ledger.transaction() as conn:
                delivered_ids.note_missed(conn, self._source, self._run, missed)

    def finish(self) -> None:
        """Say what was done; raise where the table took nothing at all, or others kept rows locked."""
        report = self.report
        log.info(
            "%d rows got their ids; %d keys match no row, %d match several, %d rows were refused by the database",
            report.written,
            report.without_row,
            report.with_several_rows,
            report.refused,
        )
        if self._left is not None:
            raise self._left
        if self._refused_new and not report.written:
            error = TargetUnavailableError if self._held_up else WriteBackError
            raise error(
                f"Writing ids back into {self._target.name} failed: the database refused all {report.refused} rows "
                f"({self._last_refusal}). {IN_LEDGER}."
            )


def _pair(delivered: DeliveredIds) -> Pair:
    return delivered.integration_id, delivered.applicant_id


def _pairs(delivered: Mapping[int, DeliveredIds]) -> dict[int, Pair]:
    return {number: _pair(one) for number, one in delivered.items()}


def _write(rows: JoinedUpdate | CaseUpdate, delivered: Mapping[int, DeliveredIds]) -> set[int]:
    """Write these; return which of them stand in the table then.

    Where every row was changed and one is found no more, its change took it out of a view, or gave it another key.
    """
    if not delivered:
        return set()
    all_changed = rows.write(delivered) == len(delivered)
    found = rows.find(_pairs(delivered))
    gone = delivered.keys() - {one.number for one in found} if all_changed else set()
    return stand_written(found, delivered) | gone


def _strangers(alone: Mapping[int, Found], delivered: Mapping[int, DeliveredIds]) -> dict[int, BorneId]:
    there = {number: _stranger(row, delivered[number]) for number, row in alone.items()}
    return {number: stranger for number, stranger in there.items() if stranger is not None}


def _stranger(row: Found, delivered: DeliveredIds) -> BorneId | None:
    """Return the ledger's column and the id that stands in the row and is not the delivery's own, if there is one."""
    there, ours = row.ids, delivered.ids
    if there.kombo_application_id is not None:
        is_ours = there.kombo_application_id == ours.kombo_application_id
        return None if is_ours else ("kombo_application_id", there.kombo_application_id)
    if there.kombo_candidate_id is not None and there.kombo_candidate_id != ours.kombo_candidate_id:
        return "kombo_candidate_id", there.kombo_candidate_id
    return None
