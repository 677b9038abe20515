"""What is open of a source: counted, listed with reasons, and read without looking at what is delivered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event

from kombo_provider.ledger import open_rows, passed_over, runs
from kombo_provider.ledger.passed_over import Kind, PassedOver
from kombo_provider.ledger.status import Hold, RunRef, Status
from tests.unit.ledger.book import INVALID, RUN, STAGING, VALID, Book

SOURCE = STAGING.source


def _fill(book: Book) -> None:
    """Leave one row open of each kind, and two of another source."""
    book.stage(VALID.but(applicant_id="doubt"), VALID.but(applicant_id="no"))
    doubt, no = book.claim(2)
    book.record(doubt, Status.IN_DOUBT, http_status=500)
    book.record(no, Status.REJECTED, error_code="ATS.JOB_CLOSED", error_title="Ada Lovelace", http_status=400)
    book.stage(VALID.but(applicant_id="wire"))
    book.claim(1)
    book.stage(VALID.but(applicant_id="held"), hold=Hold.HAS_ID)
    book.stage(VALID.but(applicant_id="renamed"), kombo_conn_id="kombo_old")
    book.stage(INVALID.but(applicant_id="wrong"), VALID.but(applicant_id="sent", already_sent="app-1"))
    book.stage(VALID, INVALID.but(applicant_id="2"), source="crm.others")
    with book.ledger.transaction() as conn:
        passed_over.note(conn, SOURCE, RUN, [PassedOver(Kind.WITHOUT_KEY, "d", "", "applicant_id is empty", None)])


def test_every_open_row_of_the_source_is_counted_under_whatever_connection(book: Book) -> None:
    _fill(book)
    with book.ledger.transaction() as conn:
        found = open_rows.counts(conn, SOURCE)
    assert {(count.what, count.kombo_conn_id): count.rows for count in found} == {
        ("in_doubt", "kombo_default"): 1,
        ("sending", "kombo_default"): 1,
        ("held", "kombo_default"): 1,
        ("waiting", "kombo_old"): 1,
        ("invalid", None): 1,
        ("rejected", None): 1,
        ("without_key", None): 1,
    }
    assert all(count.since is not None for count in found)


def test_the_list_has_field_or_code_and_no_word_of_kombos(book: Book) -> None:
    _fill(book)
    with book.ledger.transaction() as conn:
        rows = {row.applicant_id: row for row in open_rows.listed(conn, SOURCE)}
    assert {key: (row.what, row.code, row.hold) for key, row in rows.items()} == {
        "doubt": ("in_doubt", "HTTP 500", None),
        "no": ("rejected", "ATS.JOB_CLOSED", None),
        "wire": ("sending", None, None),
        "held": ("held", None, "has_id"),
        "renamed": ("waiting", None, None),
        "wrong": ("invalid", None, None),
    }
    assert rows["wrong"].fields() == [("x", "is required")]
    assert "Ada" not in str(rows)


def test_the_newest_refused_rows_come_first_and_are_no_more_than_asked_for(book: Book) -> None:
    for number in range(3):
        book.stage(INVALID.but(applicant_id=str(number)), run=RunRef("push", str(number)))
    with book.ledger.transaction() as conn:
        found = open_rows.refused(conn, SOURCE, limit=2)
    assert [(row.applicant_id, row.run.run_id) for row in found] == [("2", "2"), ("1", "1")]


@pytest.fixture
def long_history(book: Book) -> Book:
    """A ledger of many delivered rows, and few others."""
    _fill(book)
    book.stage(*(VALID.but(applicant_id=f"old-{number}", already_sent="") for number in range(3000)))
    if book.ledger.dialect == "postgresql":
        with book.ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("ANALYZE kombo_deliveries")
    return book


def _steps(conn: Connection, read: Any) -> Iterator[str]:
    """Explain the statements that a function runs."""
    statements: list[tuple[str, Any]] = []

    def note(_conn: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(conn, "before_cursor_execute", note)
    read()
    event.remove(conn, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if conn.dialect.name == "sqlite" else "EXPLAIN"
    for statement, parameters in statements:
        if "kombo_deliveries" in statement:
            for row in conn.exec_driver_sql(f"{explain} {statement}", parameters).all():
                yield str(row[-1])


@pytest.mark.parametrize("read", [open_rows.counts, open_rows.refused, open_rows.listed])
def test_nothing_is_read_of_what_is_delivered_however_much_that_is(long_history: Book, read: Any) -> None:
    with long_history.ledger.transaction() as conn:
        steps = list(_steps(conn, lambda: list(read(conn, SOURCE))))
    assert steps
    whole = [step for step in steps if "autoindex" in step or "Seq Scan on kombo_del" in step or "pkey" in step]
    assert not [*whole, *(step for step in steps if step == "SCAN kombo_deliveries")], steps


def test_a_run_that_dies_before_its_report_is_named_by_the_next(book: Book) -> None:
    dead, next_one = RunRef("push", "dead"), RunRef("push", "next")
    with book.ledger.transaction() as conn:
        for run in (dead, next_one):
            runs.begin(conn, SOURCE, "kombo_default", run)
            runs.note_counts(conn, SOURCE, "kombo_default", run, {"lever:b": {"new": 2}})
        assert [run.run_id for run in runs.unfinished(conn, SOURCE, next_one)] == ["dead"]
        runs.complete(conn, SOURCE, "kombo_default", dead, [])
        assert runs.unfinished(conn, SOURCE, next_one) == []


def test_runs_are_forgotten_after_their_time_and_those_of_other_sources_stay(book: Book) -> None:
    with book.ledger.transaction() as conn:
        for source in (SOURCE, "crm.others"):
            runs.complete(conn, source, "kombo_default", RunRef("push", "old"), [])
        conn.exec_driver_sql("UPDATE kombo_runs SET ended_at = '2020-01-01 00:00:00.000000'")
        runs.complete(conn, SOURCE, "kombo_default", RunRef("push", "now"), [])
        left = conn.exec_driver_sql("SELECT source, run_id FROM kombo_runs ORDER BY source").all()
    assert left == [(SOURCE, "now"), ("crm.others", "old")]
