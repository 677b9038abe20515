"""CPU time of reading rows and storing them as checked bodies, beside a naive loop and a bare read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
from pydantic import BaseModel
from sqlalchemy import Engine, create_engine, text

from bench import applicants
from bench.measuring import Contender, Figure, compare
from bench.ours import CONNECTION, RUN
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger, Staging
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Plan, Window
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.stager import MappingOptions, Stager

SELECT = f"SELECT {', '.join(applicants.COLUMNS)} FROM people_to_send"
INSERT = text("INSERT INTO naive (applicant_id, integration_id, body) VALUES (:applicant_id, :integration_id, :body)")
CHUNK = 1_000


class _Location(BaseModel):
    city: str
    country: str


class _Candidate(BaseModel):
    first_name: str
    last_name: str
    email_address: str
    phone_number: str
    location: _Location


class Source:
    """A database with the rows to stage, and engines as a task opens them."""

    def __init__(self, url: str, row_count: int) -> None:
        self._url = url
        self.engine = self._open()
        columns = ", ".join(f"{name} TEXT" for name in applicants.COLUMNS)
        rows = [dict(zip(applicants.COLUMNS, row, strict=True)) for row in applicants.rows(row_count)]
        names = ", ".join(f":{name}" for name in applicants.COLUMNS)
        with self.engine.begin() as conn:
            conn.execute(text(f"CREATE TABLE people_to_send ({columns})"))
            conn.execute(text(f"INSERT INTO people_to_send VALUES ({names})"), rows)
            key = "PRIMARY KEY (integration_id, applicant_id)"
            conn.execute(text(f"CREATE TABLE naive (applicant_id TEXT, integration_id TEXT, body TEXT, {key})"))
        self.row_count = row_count

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

    def naive_loop(self) -> None:
        """Read row by row, check with pydantic, insert by the thousand."""
        with self.engine.begin() as conn:  # one connection: on SQLite a second one would wait for the first
            chunk: list[dict[str, str]] = []
            for row in conn.execute(text(SELECT)).mappings():
                chunk.append(_checked(row))
                if len(chunk) == CHUNK:
                    conn.execute(INSERT, chunk)
                    chunk.clear()
            if chunk:
                conn.execute(INSERT, chunk)

    def bare_read(self) -> None:
        """Read everything with pandas, and do nothing with it."""
        with self.engine.connect() as conn:
            read = sum(len(frame) for frame in pd.read_sql(text(SELECT), conn, chunksize=10_000))
        if read != self.row_count:
            raise RuntimeError(f"{read} rows were read")

    def _open(self) -> Engine:
        return create_engine(self._url, **ENGINE_OPTIONS)


def _checked(row: object) -> dict[str, str]:
    value: dict[str, str] = dict(row)  # type: ignore[call-overload]
    candidate = _Candidate(
        first_name=value["candidate__first_name"],
        last_name=value["candidate__last_name"],
        email_address=value["candidate__email_address"],
        phone_number=value["candidate__phone_number"],
        location=_Location(city=value["candidate__location__city"], country=value["candidate__location__country"]),
    )
    key = {"applicant_id": value["applicant_id"], "integration_id": value["integration_id"]}
    return {**key, "body": candidate.model_dump_json()}


def measure(new_database: Callable[[], str], row_count: int, repetitions: int) -> dict[str, Figure]:
    """Return the figures of staging `row_count` rows, each repetition in a database of its own."""

    def prepared(act: Callable[[Source], None], *, staged: bool = False) -> Contender:
        def prepare() -> Callable[[], None]:
            source = Source(new_database(), row_count)
            if staged:
                source.stage("new")
            return lambda: act(source)

        return prepare

    contenders = {
        "kombo_provider, first load": prepared(lambda source: source.stage("new")),
        "kombo_provider, rows that have not changed": prepared(lambda s: s.stage("already_known"), staged=True),
        "read, pydantic, insert": prepared(Source.naive_loop),
        "pandas.read_sql alone": prepared(Source.bare_read),
    }
    return compare(contenders, repetitions)
