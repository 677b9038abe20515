"""Kombo's ids back into the user's table, in bulk, never half a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from sqlalchemy import Engine, cast, select
from sqlalchemy import Text as SqlText

from kombo_provider.errors import WriteBackError
from kombo_provider.ledger import Ledger, RunRef, delivered_ids
from kombo_provider.ledger.delivered_ids import DeliveredIds
from kombo_provider.quiet_collector import quiet_collector
from kombo_provider.write_back.matching import BLANK, Found, Pair
from kombo_provider.write_back.open_target import IN_LEDGER, NOTHING_SENT, OpenTarget, Patience
from kombo_provider.write_back.set_update import write_in_sets
from kombo_provider.write_back.writing import WriteBackReport, Writing

CHUNK_ROWS = 5_000

__all__ = ["Patience", "WriteBack", "WriteBackReport"]


class WriteBack:
    """Writes the ids of a source's deliveries into one table.

    `key` is the column that holds `applicant_id`, or a mapping of `applicant_id` and `integration_id` to columns.
    Raises WriteBackError for a missing table or missing columns, with the ALTER to paste.
    """

    def __init__(
        self, engine: Engine, table: str, key: str | Mapping[str, str], patience: Patience | None = None
    ) -> None:
        columns = {"applicant_id": key} if isinstance(key, str) else dict(key)
        self._target = OpenTarget(engine, table, columns)
        self._patience = patience or Patience()

    def check(self) -> None:
        """Make sure that the table is there, can take the ids, and that the connection may write them."""
        wait = self._patience.first
        with self._target.errors(NOTHING_SENT), self._target.writing(wait) as conn:
            self._target.rows(conn).try_write()
            conn.rollback()

    def holds_ids(self) -> bool:
        """Tell whether any row of the table has an application id already."""
        wait = self._patience.first
        with self._target.errors(NOTHING_SENT), self._target.reading(wait) as conn:
            column = self._target.table(conn).c["kombo_application_id"]
            return conn.execute(select(cast(column, SqlText)).where(column > BLANK).limit(1)).first() is not None

    def ids_of(self, keys: Sequence[Pair]) -> dict[Pair, str]:
        """Return the application id that the row of a key has, for those keys (integration, applicant) that have one.

        Reads only, so it may be called while a transaction of the ledger is open.
        """
        found = self._found(keys)
        there = {keys[one.number]: one.ids.kombo_application_id for one in found if one.exact}
        return {key: application_id for key, application_id in there.items() if application_id is not None}

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

    def clear_keys(self, ledger: Ledger, keys: Sequence[Pair]) -> list[Pair]:
        """Return those of the keys whose row is there and has no application id, or one that a delivery bears.

        Opens a transaction of the ledger.
        """
        there = {keys[one.number] for one in self._found(keys) if one.exact}
        return sorted(there.difference(self.foreign_ids(ledger, keys)))

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
        wait = self._patience.first
        with self._target.errors(NOTHING_SENT), self._target.reading(wait) as conn:
            return self._target.rows(conn).find(dict(enumerate(keys)))

    def run(
        self,
        ledger: Ledger,
        source: str,
        *,
        refill: bool = False,
        run: RunRef | None = None,
        report: WriteBackReport | None = None,
    ) -> WriteBackReport:
        """Write what is not written back yet (all there is with `refill`); safe to repeat after any crash.

        A `report` that is handed in is filled while this works, so that a caller has the numbers of what failed
        half-way. Raises WriteBackError where the database refuses every row that is new.
        """
        writing = Writing(self._target, self._patience, ledger, source, run, report or WriteBackReport())
        if not refill:
            self._write_in_sets(ledger, source, writing.report)
        with quiet_collector() as collect_cycles:
            # Rows that another run missed are the last: what is known to be refused keeps nothing new from its ids.
            for missed in (False, True):
                chunks = partial(_chunks, ledger, source, refill=refill, run=run, missed=missed)
                for chunk in chunks(None):
                    with self._target.errors(IN_LEDGER):
                        goes_on = writing.write(chunk, chunks)
                    if not goes_on:
                        break
                    collect_cycles()
        with self._target.errors(IN_LEDGER):
            writing.finish()
        return writing.report

    def _write_in_sets(self, ledger: Ledger, source: str, report: WriteBackReport) -> None:
        """Write what needs no look at each row; the rest stays for `run`."""
        with self._target.errors(IN_LEDGER):
            for written in write_in_sets(self._target, self._patience, ledger, source):
                report.written += written


def _chunks(
    ledger: Ledger, source: str, after: Pair | None, *, refill: bool, run: RunRef | None, missed: bool
) -> Iterator[list[DeliveredIds]]:
    """Yield the deliveries after a key whose ids are to be written: those that another run missed, or the others."""
    while True:
        with ledger.transaction() as conn:
            chunk = delivered_ids.to_write_back(
                conn, source, after=after, limit=CHUNK_ROWS, refill=refill, run=run, missed=missed
            )
        if not chunk:
            return
        after = chunk[-1].integration_id, chunk[-1].applicant_id
        yield chunk
