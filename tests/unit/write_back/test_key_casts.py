"""The ids of a key land in the row that prints its key so, and in no other."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import Engine

from tests.unit.ledger.book import Book
from tests.unit.write_back.write_back_target import ids, make, write

UUID = "6f1c7c0e-9b8a-4c6f-8d2e-1a2b3c4d5e6f"


@pytest.mark.parametrize(
    ("kind", "stranger", "key"),
    [
        ("INTEGER", "471112", "4711_12"),
        ("BIGINT", "471112", "4711_12"),
        ("NUMERIC", "471112", "4711_12"),
        ("INTEGER", "8", "+8"),
        ("INTEGER", "7", "007"),
        ("INTEGER", "7", "7.0"),
        ("INTEGER", "7", "٧"),
        ("NUMERIC", "7", "٧"),
        ("INTEGER", "1000", "1e3"),
        ("NUMERIC", "1000", "1e3"),
        ("DOUBLE PRECISION", "1000", "1e3"),
        ("DOUBLE PRECISION", "7", "007"),
        ("UUID", UUID, f"{{{UUID}}}"),
        ("UUID", UUID, UUID.replace("-", "")),
        ("UUID", UUID, f"urn:uuid:{UUID}"),
        ("TEXT", "abc", "ABC"),
        ("VARCHAR(9)", "é", "e\u0301"),
    ],
)
def test_a_key_that_only_converts_to_a_strangers_gets_no_row(
    warehouse: Engine, book: Book, kind: str, stranger: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    make(warehouse, f"id {kind}", f"'{stranger}'")
    book.deliver(key)
    with caplog.at_level(logging.WARNING):
        report = write(warehouse, book)
    assert (report.written, report.without_row) == (0, 1)
    assert [row[1] for row in ids(warehouse)] == [None]
    assert f"Applicant {key} of greenhouse:a matches no row" in caplog.text
    assert book.row(key)["written_back_at"] is None


@pytest.mark.parametrize("kind", ["DOUBLE PRECISION", "NUMERIC"])
@pytest.mark.parametrize("key", ["nan", "NaN", "inf", "Infinity"])
def test_what_is_no_number_finds_no_row(warehouse: Engine, book: Book, kind: str, key: str) -> None:
    make(warehouse, f"id {kind}", "'NaN'" if warehouse.dialect.name == "postgresql" else "7")
    book.deliver(key)
    assert write(warehouse, book).written == 0


@pytest.mark.parametrize(
    ("kind", "row", "spellings"),
    [
        ("INTEGER", "7", ("7", "007")),
        ("NUMERIC", "7", ("7", "+7")),
        ("UUID", UUID, (UUID, UUID.upper())),
    ],
)
def test_two_spellings_of_one_key_are_named_and_none_is_written(
    warehouse: Engine,
    book: Book,
    kind: str,
    row: str,
    spellings: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if warehouse.dialect.name == "sqlite" and kind == "UUID":
        kind = "TEXT COLLATE NOCASE"
    make(warehouse, f"id {kind}", f"'{row}'")
    book.deliver(*spellings)
    with caplog.at_level(logging.WARNING):
        assert write(warehouse, book).written == 0
    assert [found[1] for found in ids(warehouse)] == [None]
    assert all(f"Applicant {key} of greenhouse:a matches" in caplog.text for key in spellings)


@pytest.mark.parametrize("warehouse_kind", ["sqlite", "mariadb"])
def test_a_case_insensitive_column_gives_no_row_to_two_applicants(warehouse: Engine, book: Book) -> None:
    rule = "COLLATE NOCASE" if warehouse.dialect.name == "sqlite" else "COLLATE utf8mb4_unicode_ci"
    make(warehouse, f"id VARCHAR(40) {rule}", "'ab'", "'cd'")
    book.deliver("ab", "AB", "CD")
    report = write(warehouse, book)
    assert (report.written, report.with_several_rows, report.without_row) == (0, 1, 2)
    assert [row[1] for row in ids(warehouse)] == [None, None]


@pytest.mark.parametrize("warehouse_kind", ["mariadb"])
@pytest.mark.parametrize("kind", ["utf8mb4_bin", "latin1_swedish_ci", "ucs2_general_ci"])
def test_a_key_is_compared_by_the_rules_of_its_column_whatever_those_of_the_connection(
    warehouse: Engine, book: Book, kind: str
) -> None:
    charset = kind.partition("_")[0]
    make(warehouse, f"id VARCHAR(40) CHARACTER SET {charset} COLLATE {kind}", "'Zoë'", "'Bo'")
    book.deliver("Zoë", "Bo", "x")
    report = write(warehouse, book)
    assert (report.written, report.without_row) == (2, 1)


def test_a_number_with_a_scale_is_the_integer_that_the_extract_gives(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id NUMERIC(10,2)", "7", "8")
    book.deliver("7")
    assert write(warehouse, book).written == 1
    assert [row[1] for row in ids(warehouse)] == ["app-7", None]
