"""Memory stays flat, however many rows there are and however big they are (promise P8)."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import create_engine

from tests.conftest import ROOT

_PROCESS = """
import resource, sys
from pathlib import Path
from sqlalchemy import create_engine
import pandas
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.stager import MappingOptions, Stager
from kombo_provider.ledger import Ledger, RunRef
from kombo_provider.ledger.staging import Staging
from kombo_provider.source.reader import SourceReader
from datetime import UTC, datetime
from kombo_provider.source.window import Plan, Window

def peak():
    status = Path("/proc/self/status")
    if status.exists():  # there, getrusage counts what the parent took before exec
        return int(status.read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def stage(engine, sql):
    ledger = Ledger(create_engine(engine.url))
    ledger.ensure()
    stager = Stager(ledger, Staging("s", "k", "application", RunRef("d", "r")), MappingOptions())
    stager.run(SourceReader(engine, sql, where="test"), Plan(Window()), Narrowing(), started_at=datetime.now(UTC))
    return stager.counts["new"]

def count(engine, sql):
    ledger = Ledger(create_engine(engine.url))
    ledger.ensure()
    stager = Stager(ledger, Staging("s", "k", "application", RunRef("d", "r")), MappingOptions())
    return stager.count_unknown(SourceReader(engine, sql, where="test"), datetime.now(UTC))

def read(engine, sql):
    with SourceReader(engine, sql, where="test").open() as source:
        return sum(map(len, source.frames(Window())))

url, what, few, many = sys.argv[1:]
do = {"read": read, "stage": stage, "count": count}[what]
engine = create_engine(url)
do(engine, few)
before = peak()
rows = do(engine, many)
print(rows, (peak() - before) // 1024)
"""

_SERIES = {
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0}) SELECT i FROM n) AS n",
    "postgresql": "generate_series(1, {0}) AS n(i)",
}
_PADDING = {"sqlite": "hex(zeroblob({0} / 2))", "postgresql": "repeat('0', {0})"}


def _growth(url: str, what: str, few: str, many: str) -> tuple[int, int]:
    """Return how many rows of the second SELECT were taken, and by how many MiB the peak grew with it."""
    command = [sys.executable, "-c", _PROCESS, url, what, few, many]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    rows, grown = done.stdout.split()
    return int(rows), int(grown)


def test_three_hundred_thousand_rows_take_no_more_than_ten_thousand(database_url: str) -> None:
    dialect = create_engine(database_url).dialect.name
    sql = f"SELECT i AS applicant_id, {_PADDING[dialect].format(300)} AS x FROM {_SERIES[dialect]}"
    rows, grown = _growth(database_url, "read", sql.format(10_000), sql.format(300_000))
    assert rows == 300_000
    assert grown < 10


@pytest.mark.parametrize("json_type", ["text", "jsonb"])
def test_rows_of_seven_megabytes_come_a_few_at_a_time(database_url: str, json_type: str) -> None:
    """Small rows first: whoever asks for as many rows as before gets far too much at once."""
    dialect = create_engine(database_url).dialect.name
    if dialect == "sqlite" and json_type != "text":
        return  # SQLite has no such type
    data = _PADDING[dialect].format("CASE WHEN i > 200 THEN 7340032 ELSE 4 END")
    attachment = f"""'[{{"name":"cv.pdf","content_type":"application/pdf","type":"CV","data":"' || {data} || '"}}]'"""
    sql = f"""
        SELECT 'k' || i AS applicant_id, 'a' AS integration_id, 'j' AS job_id, 'A' AS candidate__first_name,
               'L' AS candidate__last_name, 'a@b.co' AS candidate__email_address,
               CAST({attachment} AS {json_type}) AS attachments
        FROM """
    few, many = (sql + _SERIES[dialect].format(rows) for rows in (10, 225))
    rows, grown = _growth(database_url, "stage", few, many)
    assert rows == 215
    assert grown < 250


def test_older_rows_that_nobody_was_sent_are_counted_in_the_memory_of_a_few(database_url: str) -> None:
    dialect = create_engine(database_url).dialect.name
    columns = (
        "'00000000-0000-4000-8000-' || i AS applicant_id, 'greenhouse:8f3c2b1a-1111-2222-3333-444455556666' AS "
        "integration_id, 'j' AS job_id, 'A' AS candidate__first_name, 'L' AS candidate__last_name, "
        "'a@b.co' AS candidate__email_address, {} AS changed_at"
    )
    old = "TIMESTAMPTZ '2026-01-01'" if dialect == "postgresql" else "'2026-01-01 00:00:00'"
    sql = f"SELECT {columns.format(old)} FROM {_SERIES[dialect]}"
    few, many = sql.format(20_000), f"{sql.format(100_000)} UNION ALL {sql.format(10)}"
    rows, grown = _growth(database_url, "count", few, many)
    assert rows == 100_000, "a key that is repeated counts once"
    assert grown < 10
