"""CPU time of reading rows and storing them as checked bodies, beside a naive loop and a bare read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median

import pandas as pd
from sqlalchemy import Engine, create_engine, text

from bench import applicants, naive
from bench.measuring import Contender, Figure, compare
from bench.ours import CONNECTION, RUN
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger
from kombo_provider.ledger.staging import Staging
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Plan, Window
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.stager import MappingOptions, Stager

COLUMNS = list(applicants.demo_rows(1)[0])
SELECT = f"SELECT {', '.join(COLUMNS)} FROM people_to_send"
MADE_AT_ONCE = 10_000
SMALL_ONES_AT_MOST = 3
"""Times that a size is measured on each side of the largest."""
NUMBERS = {"candidate__salary_expectations__amount": "INTEGER", "gdpr_consent__given": "INTEGER"}


class Source:
    """A database with the rows to stage, and engines as a task opens them."""

    def __init__(self, url: str, row_count: int) -> None:
        self._url = url
        self.engine = self._open()
        columns = ", ".join(f"{name} {NUMBERS.get(name, 'TEXT')}" for name in COLUMNS)
        names = ", ".join(f":{name}" for name in COLUMNS)
        with self.engine.begin() as conn:
            conn.execute(text(f"CREATE TABLE people_to_send ({columns})"))
            insert = text(f"INSERT INTO people_to_send VALUES ({names})")
            for first in range(0, row_count, MADE_AT_ONCE):  # a million of them would not fit
                conn.execute(insert, applicants.demo_rows(min(MADE_AT_ONCE, row_count - first), first))
            conn.execute(text(naive.CREATE))
        self.row_count = row_count

    def make_ledger(self) -> None:
        """Make the ledger's tables: as with the loop's own, nobody's time has that in it.

        Only for us: on SQLite a ledger turns its file to WAL, in which the loop's one long transaction costs more.
        """
        ledger = Ledger(self._open())
        ledger.ensure()
        ledger.close()

    def stage(self, expected: str) -> None:
        """Stage all rows; each must count as `expected`."""
        ledger = Ledger(self._open())
        ledger.ensure()
        stager = Stager(ledger, Staging(applicants.SOURCE, CONNECTION, "application", RUN), MappingOptions())
        stager.run(
            SourceReader(self.engine, SELECT, where="bench"), Plan(Window()), Narrowing(), started_at=datetime.now(UTC)
        )
        if stager.counts[expected] != self.row_count:
            raise RuntimeError(f"not all rows are {expected}: {stager.counts}")
        ledger.engine.dispose()

    def deliver(self) -> None:
        """Let all rows be delivered, as nearly all are that an hourly run reads again."""
        with self.engine.begin() as conn:
            conn.execute(text("UPDATE kombo_deliveries SET status = 'delivered'"))

    def naive_loop(self) -> None:
        """Do what people write first."""
        naive.naive_loop(self.engine, SELECT)

    def bare_read(self) -> None:
        """Read everything with pandas, and do nothing with it."""
        with self.engine.connect() as conn:
            read = sum(len(frame) for frame in pd.read_sql(text(SELECT), conn, chunksize=10_000))
        if read != self.row_count:
            raise RuntimeError(f"{read} rows were read")

    def _open(self) -> Engine:
        return create_engine(self._url, **ENGINE_OPTIONS)


def cost_by_size(new_database: Callable[[], str], sizes: Sequence[int]) -> dict[str, list[tuple[int, float]]]:
    """Return the CPU microseconds a row for a first load and for reading all again, by the number of rows.

    Medians: a small number is measured several times, before the largest and after it, for one second says nothing of a
    machine whose moods last for minutes.
    """
    found: dict[str, dict[int, list[float]]] = {"first load": {}, "rows that have not changed": {}}
    for row_count in [*sizes, *reversed(sizes[:-1])]:
        for _ in range(min(SMALL_ONES_AT_MOST, max(sizes) // row_count)):
            source = Source(new_database(), row_count)
            source.make_ledger()
            for name, expected in zip(found, ("new", "already_known"), strict=True):
                (figure,) = compare({name: _staging(source, expected)}, 1).values()
                found[name].setdefault(row_count, []).append(1e6 * figure.cpu / row_count)
                source.deliver()
            source.engine.dispose()
    return {name: [(rows, median(costs)) for rows, costs in by_size.items()] for name, by_size in found.items()}


def _staging(source: Source, expected: str) -> Contender:
    return lambda: lambda: source.stage(expected)


def measure(new_database: Callable[[], str], row_count: int, repetitions: int) -> dict[str, Figure]:
    """Return the figures of staging `row_count` rows, each repetition in a database of its own."""

    def prepared(act: Callable[[Source], None], *, ours: bool = False, staged: bool = False) -> Contender:
        def prepare() -> Callable[[], None]:
            source = Source(new_database(), row_count)
            if ours:
                source.make_ledger()
            if staged:
                source.stage("new")
                source.deliver()
            return lambda: act(source)

        return prepare

    contenders = {
        "kombo_provider, first load": prepared(lambda source: source.stage("new"), ours=True),
        "kombo_provider, rows that have not changed": prepared(
            lambda source: source.stage("already_known"), ours=True, staged=True
        ),
        "read, pydantic, insert": prepared(Source.naive_loop),
        "pandas.read_sql alone": prepared(Source.bare_read),
    }
    return compare(contenders, repetitions)
