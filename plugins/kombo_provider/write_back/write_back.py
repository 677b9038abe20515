"""Kombo's ids back into the user's table, in bulk, never half a row."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Table, select

from kombo_provider.database import begin_writing, driver_errors
from kombo_provider.errors import WriteBackError
from kombo_provider.ledger import DeliveredIds, Ledger, delivered_ids
from kombo_provider.write_back.joined_update import IdList
from kombo_provider.write_back.single_updates import IdsOneByOne
from kombo_provider.write_back.target import find_target, try_update

log = logging.getLogger(__name__)

CHUNK_ROWS = 5_000
_KEYS_NAMED = 10


@dataclass(slots=True)
class WriteBackReport:
    """How many rows got ids, and which keys (source keys, no other value) matched no row or several."""

    written: int = 0
    without_row: int = 0
    with_several_rows: int = 0
    integration_ids: frozenset[str] = frozenset()


class WriteBack:
    """Writes the ids of a source's deliveries into one table.

    `key` is the column that holds `applicant_id`, or a mapping of `applicant_id` and `integration_id` to columns.
    Raises WriteBackError for a missing table or missing columns, with the ALTER to paste.
    """

    def __init__(self, engine: Engine, table: str, key: str | Mapping[str, str]) -> None:
        self._engine = engine
        self._name = table
        self._key = {"applicant_id": key} if isinstance(key, str) else dict(key)
        self._table: Table | None = None

    def check(self) -> None:
        """Make sure that the table is there, can take the ids, and that the connection may write them."""
        with self._writing() as conn:
            try_update(conn, self._target(conn))
            conn.rollback()

    def holds_ids(self) -> bool:
        """Tell whether any row of the table has an application id already."""
        with self._writing() as conn:
            column = self._target(conn).c["kombo_application_id"]
            return conn.execute(select(column).where(column.is_not(None)).limit(1)).first() is not None

    def run(self, ledger: Ledger, source: str, *, refill: bool = False) -> WriteBackReport:
        """Write what is not written back yet (all there is with `refill`); safe to repeat after any crash."""
        report = WriteBackReport()
        after: tuple[str, str] | None = None
        while True:
            with ledger.transaction() as conn:
                chunk = delivered_ids.to_write_back(conn, source, after=after, limit=CHUNK_ROWS, refill=refill)
            if not chunk:
                break
            after = chunk[-1].integration_id, chunk[-1].applicant_id
            with self._writing() as target:
                written = self._write(target, chunk, report)
                target.commit()
            with ledger.transaction() as conn:
                delivered_ids.mark_written_back(conn, source, written)
            report.integration_ids |= {delivered.integration_id for delivered in written}
        _log(report)
        return report

    def _write(self, conn: Connection, chunk: Sequence[DeliveredIds], report: WriteBackReport) -> list[DeliveredIds]:
        table, numbered = self._target(conn), dict(enumerate(chunk))
        join = IdList if conn.dialect.name in ("postgresql", "sqlite") else IdsOneByOne
        matches = join(conn, table, self._key, numbered).count_matches()
        sharing = Counter(self._key_of(delivered) for delivered in chunk)
        alone = {}
        for number, delivered in numbered.items():
            if matches[number] == 1 == sharing[self._key_of(delivered)]:
                alone[number] = delivered
            else:
                _name(delivered, matches[number], report)
        join(conn, table, self._key, alone).write()
        report.written += len(alone)
        return list(alone.values())

    def _key_of(self, delivered: DeliveredIds) -> tuple[str, ...]:
        return tuple(getattr(delivered, part) for part in self._key)

    def _target(self, conn: Connection) -> Table:
        if self._table is None:
            self._table = find_target(conn, self._name, self._key)
        return self._table

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        what_to_do = "The ids are safe in the ledger; correct the table or the rights of the connection, then run again"
        with (
            driver_errors(self._engine, WriteBackError, f"Writing ids back into {self._name} failed", what_to_do),
            self._engine.connect() as conn,
        ):
            begin_writing(conn)
            yield conn


def _name(delivered: DeliveredIds, found: int, report: WriteBackReport) -> None:
    if found:
        report.with_several_rows += 1
    else:
        report.without_row += 1
    if report.with_several_rows + report.without_row <= _KEYS_NAMED:
        log.warning(
            "Applicant %s of %s matches %s of the target: its ids stay in the ledger",
            delivered.applicant_id,
            delivered.integration_id,
            "no row" if not found else f"{found} rows" if found > 1 else "one row together with another applicant",
        )


def _log(report: WriteBackReport) -> None:
    log.info(
        "%d rows got their ids; %d keys match no row, %d match several",
        report.written,
        report.without_row,
        report.with_several_rows,
    )
