"""Kombo's ids back into the user's table (contract, section 6)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from kombo_provider.ledger import Actor, By, Ledger, delivered_ids, doubts
from kombo_provider.ledger._tables import deliveries
from kombo_provider.ledger.kombo_ids import KomboIds
from kombo_provider.write_back import open_target, write_back
from kombo_provider.write_back.case_update import CaseUpdate
from kombo_provider.write_back.joined_update import JoinedUpdate
from kombo_provider.write_back.target import find_target
from tests.unit.ledger.book import RUN, VALID, Book
from tests.unit.write_back.write_back_target import columns, instant, make, run, text_of, write
from tests.unit.write_back.write_back_target import ids as target_ids

UUID = "6f1c7c0e-9b8a-4c6f-8d2e-1a2b3c4d5e6f"


def test_every_delivered_row_gets_its_ids_and_instant(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'", "'2'", "'3'")
    book.deliver("1", kombo_candidate_id="cand", kombo_application_remote_id="ar", kombo_candidate_remote_id="cr")
    book.stage(VALID.but(applicant_id="2"))
    report = write(warehouse, book)
    assert (report.written, report.without_row, report.with_several_rows) == (1, 0, 0)
    first, *others = run(warehouse, "SELECT * FROM people ORDER BY id")
    assert first[:5] == ("1", "app-1", "ar", "cand", "cr")
    assert instant(first[5]) == book.row()["finished_at"]
    assert others == [("2", *[None] * 5), ("3", *[None] * 5)]


def test_what_is_written_back_is_not_written_again(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'")
    book.deliver("1")
    assert write(warehouse, book).written == 1
    assert book.row()["written_back_at"] is not None
    run(warehouse, "UPDATE people SET kombo_application_id = NULL")
    assert write(warehouse, book).written == 0
    assert target_ids(warehouse) == [("1", None)]
    assert write(warehouse, book, refill=True).written == 1
    assert target_ids(warehouse) == [("1", "app-1")]


@pytest.mark.parametrize(
    ("kind", "value", "key"),
    [
        ("INTEGER", "7", "7"),
        ("SMALLINT", "7", "7"),
        ("BIGINT", "9007199254740993", "9007199254740993"),
        ("NUMERIC", "7", "7"),
        ("NUMERIC(20,0)", "12345678901234567", "12345678901234567"),
        ("DOUBLE PRECISION", "7", "7"),
        ("TEXT", "'7'", "7"),
        ("VARCHAR(40)", "'a:b'", "a:b"),
        ("CHAR(8)", "'abc'", "abc"),
        ("UUID", f"'{UUID}'", UUID),
        ("UUID", f"'{UUID}'", UUID.upper()),
        ("DATE", "'2026-03-01'", "2026-03-01"),
    ],
)
def test_keys_are_cast_to_the_columns_type(warehouse: Engine, book: Book, kind: str, value: str, key: str) -> None:
    if warehouse.dialect.name == "sqlite" and key != key.lower():
        value = f"'{key}'"  # SQLite has no UUIDs: they are text
    make(warehouse, f"id {kind}", value)
    book.deliver(key)
    assert write(warehouse, book).written == 1
    assert [row[1] for row in target_ids(warehouse)] == [f"app-{key}"]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("INTEGER", "abc"),
        ("INTEGER", "7.5"),
        ("SMALLINT", "70000"),
        ("BIGINT", "9" * 30),
        ("NUMERIC", "abc"),
        ("DOUBLE PRECISION", "abc"),
        ("UUID", "abc"),
        ("CHAR(3)", "abcd"),
        ("VARCHAR(3)", "abcd"),
        ("DATE", "abc"),
    ],
)
def test_a_key_that_no_value_of_the_column_equals_harms_no_other(
    warehouse: Engine, book: Book, kind: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = {"UUID": UUID, "DATE": "2026-03-01"}.get(kind, "7")
    make(warehouse, f"id {kind}", f"'{good}'")
    book.deliver(good, key)
    with caplog.at_level(logging.WARNING):
        report = write(warehouse, book)
    assert (report.written, report.without_row) == (1, 1)
    assert f"Applicant {key} of greenhouse:a matches no row" in caplog.text


def test_keys_may_be_of_a_column_without_a_type_or_of_an_enum(
    book: Book, warehouse: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    if warehouse.dialect.name == "sqlite":
        run(warehouse, f"CREATE TABLE people (id, {columns(warehouse)})", "INSERT INTO people (id) VALUES (1), ('2')")
    elif warehouse.dialect.name == "postgresql":
        run(warehouse, "CREATE TYPE word AS ENUM ('1', '2')")
        make(warehouse, "id word", "'1'", "'2'")
    else:
        make(warehouse, "id ENUM ('1', '2')", "'1'", "'2'")
    book.deliver("1", "2", "3")
    report = write(warehouse, book)
    assert (report.written, report.without_row) == (2, 1)


def test_a_table_may_be_keyed_by_integration_too(warehouse: Engine, book: Book) -> None:
    run(
        warehouse,
        f"CREATE TABLE people (ats TEXT, no INTEGER, {columns(warehouse)})",
        "INSERT INTO people (ats, no) VALUES ('greenhouse:a', 1), ('lever:b', 1), ('lever:b', 2)",
    )
    book.stage(VALID, *(VALID.but(applicant_id=name, integration_id="lever:b") for name in ("1", "2")))
    _deliver_everything(book)
    assert write(warehouse, book, key={"applicant_id": "no", "integration_id": "ats"}).written == 3
    assert run(warehouse, "SELECT ats, no, kombo_application_id FROM people ORDER BY 1, 2") == [
        ("greenhouse:a", 1, "greenhouse:a/1"),
        ("lever:b", 1, "lever:b/1"),
        ("lever:b", 2, "lever:b/2"),
    ]


def test_keys_that_match_no_row_or_several_are_counted_and_named(
    warehouse: Engine, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    make(warehouse, "id TEXT", "'1'", "'2'", "'2'")
    book.deliver("1", "2", "3")
    with caplog.at_level(logging.WARNING):
        report = write(warehouse, book)
    assert (report.written, report.without_row, report.with_several_rows) == (1, 1, 1)
    assert target_ids(warehouse) == [("1", "app-1"), ("2", None), ("2", None)]
    assert "Applicant 2 of greenhouse:a matches 2 rows" in caplog.text
    assert "Applicant 3 of greenhouse:a matches no row" in caplog.text
    run(warehouse, "INSERT INTO people (id) VALUES ('3')")
    assert write(warehouse, book).written == 1, "its row came later"


def test_two_applicants_of_one_row_are_named_instead_of_one_winning(
    warehouse: Engine, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    make(warehouse, "id TEXT", "'1'")
    book.stage(VALID, VALID.but(integration_id="lever:b"))
    _deliver_everything(book)
    with caplog.at_level(logging.WARNING):
        report = write(warehouse, book)
    assert (report.written, report.with_several_rows) == (0, 2)
    assert "together with another applicant" in caplog.text
    assert target_ids(warehouse) == [("1", None)]


def test_an_unknown_id_never_overwrites_one(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'")
    run(warehouse, "UPDATE people SET kombo_candidate_id = 'mine', kombo_application_id = 'old'")
    book.deliver("1", kombo_candidate_id=None)
    write(warehouse, book)
    assert run(warehouse, "SELECT kombo_application_id, kombo_candidate_id FROM people") == [("app-1", "mine")]


def test_ids_that_were_filled_in_later_follow(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'")
    book.deliver("1")
    write(warehouse, book)
    with book.ledger.transaction() as conn:
        (doubt,) = doubts.to_look_up(conn, "crm.applicants", "kombo_default", 10)
        assert doubts.fill_ids(conn, doubt, KomboIds(kombo_candidate_id="late"), By(Actor.LOOK_UP, RUN))
    write(warehouse, book)
    assert run(warehouse, "SELECT kombo_application_id, kombo_candidate_id FROM people") == [("app-1", "late")]


def test_ids_that_arrive_while_the_row_is_written_back_are_not_forgotten(warehouse: Engine, book: Book) -> None:
    book.deliver("1", "2")
    with book.ledger.transaction() as conn:
        read = delivered_ids.to_write_back(
            conn, "crm.applicants", after=None, limit=10, refill=False, run=None, missed=False
        )
    book.set("1", kombo_candidate_id="late", written_back_at=None)
    with book.ledger.transaction() as conn:
        delivered_ids.mark_written_back(conn, "crm.applicants", read)
        left = delivered_ids.to_write_back(
            conn, "crm.applicants", after=None, limit=10, refill=False, run=None, missed=False
        )
    assert [(row.applicant_id, row.ids.kombo_candidate_id) for row in left] == [("1", "late")]


@pytest.mark.parametrize(
    ("kind", "stored"),
    [("", None), ("TEXT", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), ("DATE", r"\d{4}-\d\d-\d\d")],
)
def test_the_instant_is_stored_in_utc_whatever_the_columns_type(
    warehouse: Engine, book: Book, kind: str, stored: str | None
) -> None:
    make(warehouse, "id TEXT", "'1'")
    naive = "DATETIME(6)" if warehouse.dialect.name == "mysql" else "TIMESTAMP"
    run(
        warehouse,
        "ALTER TABLE people DROP COLUMN kombo_delivered_at",
        f"ALTER TABLE people ADD COLUMN kombo_delivered_at {kind or naive}",
    )
    book.deliver("1")
    write(warehouse, book)
    finished_at = book.row()["finished_at"]
    ((value,),) = run(warehouse, f"SELECT {text_of(warehouse, 'kombo_delivered_at')} FROM people")
    expected = finished_at.strftime("%Y-%m-%dT%H:%M:%SZ" if kind == "TEXT" else "%Y-%m-%d")
    assert value == expected if stored else instant(value) == finished_at


def test_rows_are_read_in_pages(warehouse: Engine, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_back, "CHUNK_ROWS", 3)
    names = [f"{letter}{number}" for letter in "aBc" for number in range(4)]
    make(warehouse, "id TEXT", *(f"'{name}'" for name in names))
    book.deliver(*names)
    assert write(warehouse, book).written == 12
    assert {row[1] for row in target_ids(warehouse)} == {f"app-{name}" for name in names}


def test_a_page_that_fails_is_written_by_none_and_taken_by_the_next_run(
    warehouse: Engine, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(warehouse, "id TEXT", "'1'", "'2'")
    book.deliver("1", "2")
    marked: Callable[..., Any] = delivered_ids.mark_written_back

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(delivered_ids, "mark_written_back", crash)
    with pytest.raises(KeyboardInterrupt):
        write(warehouse, book)
    monkeypatch.setattr(delivered_ids, "mark_written_back", marked)
    assert write(warehouse, book).written == 2


def test_the_ledger_may_be_another_database(
    warehouse: Engine, open_engine: Callable[[str], Engine], tmp_path: Path
) -> None:
    ledger = Ledger(open_engine(f"sqlite:///{tmp_path / 'ledger.db'}"))
    ledger.ensure()
    book = Book(ledger)
    make(warehouse, "id INTEGER", "1")
    book.deliver("1")
    assert write(warehouse, book).written == 1
    assert target_ids(warehouse) == [("1", "app-1")]


@pytest.mark.parametrize("warehouse_kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("kind", ["TEXT", "INTEGER", "CHAR(8)", "VARCHAR(9)", "NUMERIC"])
def test_what_other_databases_are_told_holds_here_too(
    warehouse: Engine, book: Book, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_target, "JoinedUpdate", CaseUpdate)
    make(warehouse, f"id {kind}", "'1'", "'2'", "'2'", "'4'")
    run(warehouse, "UPDATE people SET kombo_candidate_id = 'mine'")
    book.deliver("1", "2", "3", "4", "x")
    report = write(warehouse, book)
    assert (report.written, report.without_row, report.with_several_rows) == (2, 2, 1)
    found = run(warehouse, "SELECT kombo_application_id, kombo_candidate_id FROM people ORDER BY id")
    assert found == [("app-1", "mine"), (None, "mine"), (None, "mine"), ("app-4", "mine")]
    assert write(warehouse, book, refill=True).written == 2


def _deliver_everything(book: Book) -> None:
    with book.ledger.transaction() as conn:
        made = deliveries.c.integration_id + "/" + deliveries.c.applicant_id
        conn.execute(update(deliveries).values(status="delivered", kombo_application_id=made, payload=None))


def test_imported_ids_are_written_too(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'", "'2'")
    book.stage(VALID.but(already_sent="app-9"), VALID.but(applicant_id="2", already_sent=""))
    assert write(warehouse, book).written == 2
    assert target_ids(warehouse) == [("1", "app-9"), ("2", None)]


@pytest.mark.parametrize("warehouse_kind", ["sqlite", "postgresql"])
def test_the_join_finds_nothing_for_no_rows(warehouse: Engine) -> None:
    make(warehouse)
    with warehouse.connect() as conn:
        table = find_target(conn, "people", {"applicant_id": "id"})
        joined = JoinedUpdate(conn, table, {"applicant_id": "id"})
        joined.write({})
        assert joined.find({}) == []
