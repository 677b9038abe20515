"""A table that cannot take the ids is one clear error, before anything is sent."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from sqlalchemy import DateTime, Engine, create_engine, text
from sqlalchemy.types import TypeEngine

from kombo_provider.errors import WriteBackError
from kombo_provider.write_back.target import _known
from kombo_provider.write_back.write_back import WriteBack
from tests.postgres import PostgresServer
from tests.unit.ledger.book import Book
from tests.unit.write_back.write_back_target import IDS, columns, ids, make, run, text_of, write

MANY = 50_000


@pytest.mark.parametrize("table", ["people", '"My People"', "kombo_people"])
@pytest.mark.parametrize("existing", ["", ", kombo_application_id TEXT, kombo_candidate_id TEXT"])
def test_the_alter_that_is_printed_works_when_pasted(warehouse: Engine, book: Book, table: str, existing: str) -> None:
    run(warehouse, f"CREATE TABLE {table} (id TEXT{existing})", f"INSERT INTO {table} (id) VALUES ('1')")
    target = WriteBack(warehouse, table, "id")
    with pytest.raises(WriteBackError, match="has no column kombo_") as raised:
        target.check()
    _, _, pasted = str(raised.value).partition("\n")
    assert ("kombo_application_id" not in pasted) == bool(existing)
    for statement in filter(None, pasted.split(";\n")):
        run(warehouse, statement.rstrip(";"))
    target.check()
    assert not target.holds_ids()
    book.deliver("1")
    assert target.run(book.ledger, "crm.applicants").written == 1
    assert target.holds_ids()


def test_a_table_of_another_schema_with_names_that_need_quotes(
    open_engine: Callable[[str], Engine], postgres_url: str, book: Book
) -> None:
    warehouse = open_engine(postgres_url)
    run(
        warehouse,
        'CREATE SCHEMA "C R.M"',
        f'CREATE TABLE "C R.M"."Pe""ople" ("Person No" TEXT, {columns(warehouse)})',
        """INSERT INTO "C R.M"."Pe""ople" VALUES ('1')""",
    )
    book.deliver("1")
    assert write(warehouse, book, '"C R.M"."Pe""ople"', "Person No").written == 1
    assert ids(warehouse, '"Person No"', '"C R.M"."Pe""ople"') == [("1", "app-1")]


def test_a_name_without_quotes_is_read_as_sql_reads_it(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'")
    book.deliver("1")
    assert write(warehouse, book, "PEOPLE").written == 1


@pytest.mark.parametrize("table", ["nobody", '"People "', "main.people.nobody"])
def test_a_table_that_is_not_there_is_named(warehouse: Engine, table: str) -> None:
    make(warehouse)
    with pytest.raises(WriteBackError, match=r"There is no table|Incorrect table name") as raised:
        WriteBack(warehouse, table, "id").check()
    assert table in str(raised.value)


def test_a_key_column_that_is_not_there_is_named_with_those_that_are(warehouse: Engine) -> None:
    make(warehouse)
    with pytest.raises(WriteBackError, match="people has no column no: write_back_key must name one of id"):
        WriteBack(warehouse, "people", {"applicant_id": "no", "integration_id": "id"}).check()


def test_a_view_that_cannot_be_written_is_refused_before_anything_is_sent(warehouse: Engine) -> None:
    make(warehouse)
    run(warehouse, "CREATE VIEW everybody AS SELECT DISTINCT * FROM people")
    with pytest.raises(WriteBackError, match="everybody") as raised:
        WriteBack(warehouse, "everybody", "id").check()
    assert re.search(r"cannot (modify|update)|[Cc]an only update base table|not updatable", str(raised.value))


def test_a_view_that_can_be_written_is_as_good_as_a_table(
    postgres_url: str, open_engine: Callable[[str], Engine]
) -> None:
    warehouse = open_engine(postgres_url)
    make(warehouse)
    run(warehouse, "CREATE VIEW some_people AS SELECT * FROM people WHERE id > '0'")
    WriteBack(warehouse, "some_people", "id").check()


def test_missing_rights_are_named_before_anything_is_sent(
    postgres_server: PostgresServer, postgres_database: str, open_engine: Callable[[str], Engine]
) -> None:
    make(open_engine(postgres_server.url(postgres_database)))
    for sql in ("DROP ROLE IF EXISTS looker", "CREATE ROLE looker LOGIN"):
        postgres_server.execute(sql)
    postgres_server.execute("GRANT SELECT ON people TO looker", database=postgres_database)
    target = WriteBack(open_engine(postgres_server.url(postgres_database, user="looker")), "people", "id")
    with pytest.raises(WriteBackError, match=r"people failed: .*permission denied for table people.*rights"):
        target.check()


def test_checking_changes_nothing(warehouse: Engine) -> None:
    make(warehouse, "id TEXT", "'1'")
    before = run(warehouse, "SELECT * FROM people")
    WriteBack(warehouse, "people", "id").check()
    assert run(warehouse, "SELECT * FROM people") == before


def test_a_refused_id_quotes_no_value(warehouse: Engine, book: Book) -> None:
    run(
        warehouse,
        f"CREATE TABLE people (id TEXT, {columns(warehouse)}, CHECK (kombo_application_id <> 'app-secret'))",
        "INSERT INTO people (id) VALUES ('secret')",
    )
    book.deliver("secret")
    with pytest.raises(WriteBackError) as raised:
        write(warehouse, book)
    assert "secret" not in str(raised.value)
    assert book.row("secret")["written_back_at"] is None


def test_fifty_thousand_rows_without_an_index_take_seconds(warehouse: Engine, book: Book) -> None:
    """One statement per row would scan the table for each of them: hours."""
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) SELECT i FROM n"
    run(
        warehouse,
        f"CREATE TABLE people (id INTEGER, {IDS}, kombo_delivered_at TIMESTAMP NULL)",
        "SET max_recursive_iterations = 100000" if warehouse.dialect.name == "mysql" else "SELECT 1",
        f"INSERT INTO people (id) {numbers}",
    )
    with book.ledger.transaction() as conn:
        conn.execute(
            text(f"""
            INSERT INTO kombo_deliveries (source, integration_id, applicant_id, status, kombo_conn_id, endpoint,
                                          payload_sha256, staged_at, finished_at, kombo_application_id)
            SELECT 'crm.applicants', 'lever:b', CAST(i AS TEXT), 'delivered', 'k', 'application', 'x',
                   CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 'app-' || CAST(i AS TEXT)
            FROM ({numbers}) AS n""")
        )
    started = time.monotonic()
    report = write(warehouse, book)
    assert report.written == MANY
    assert time.monotonic() - started < 120
    right = f"kombo_application_id = 'app-' || {text_of(warehouse, 'id')}"
    assert run(warehouse, f"SELECT count(*) FROM people WHERE {right}") == [(MANY,)]


def test_an_engine_that_nobody_answers_is_one_clear_error() -> None:
    engine = create_engine("postgresql+psycopg://postgres@127.0.0.1:1/none")
    with pytest.raises(WriteBackError, match="Writing ids back into people failed: OperationalError"):
        WriteBack(engine, "people", "id").check()


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("kombo_application_id", "INTEGER"),
        ("kombo_application_remote_id", "UUID"),
        ("kombo_candidate_remote_id", "NUMERIC"),
        ("kombo_delivered_at", "BIGINT"),
        ("kombo_delivered_at", "BOOLEAN"),
    ],
)
def test_a_column_of_a_wrong_type_is_named_before_anything_is_sent(warehouse: Engine, column: str, kind: str) -> None:
    make(warehouse)
    run(warehouse, f"ALTER TABLE people DROP COLUMN {column}", f"ALTER TABLE people ADD COLUMN {column} {kind}")
    with pytest.raises(WriteBackError, match=rf"people cannot take the ids: {column} is .*and must be"):
        WriteBack(warehouse, "people", "id").check()


@pytest.mark.parametrize("warehouse_kind", ["sqlite", "postgresql", "mariadb"])  # DuckDB's VARCHAR(10) takes any text
@pytest.mark.parametrize("column", ["kombo_candidate_id", "kombo_delivered_at"])
def test_a_column_that_is_too_short_is_named_before_anything_is_sent(warehouse: Engine, column: str) -> None:
    make(warehouse)
    run(warehouse, f"ALTER TABLE people DROP COLUMN {column}", f"ALTER TABLE people ADD COLUMN {column} VARCHAR(10)")
    with pytest.raises(WriteBackError, match=rf"people cannot take the ids: {column} is VARCHAR\(10\) and must be"):
        WriteBack(warehouse, "people", "id").check()


def test_a_domain_over_text_takes_ids(postgres_url: str, open_engine: Callable[[str], Engine], book: Book) -> None:
    warehouse = open_engine(postgres_url)
    run(warehouse, "CREATE DOMAIN word AS TEXT", "CREATE DOMAIN number AS INTEGER")
    make(warehouse, "id number", "7")
    run(warehouse, "ALTER TABLE people ALTER kombo_application_id TYPE word")
    book.deliver("7")
    WriteBack(warehouse, "people", "id").check()
    assert write(warehouse, book).written == 1


@pytest.mark.parametrize("domain", ["VARCHAR(10)", "short"])
def test_a_domain_that_cuts_ids_is_named_before_anything_is_sent(
    postgres_url: str, open_engine: Callable[[str], Engine], domain: str
) -> None:
    warehouse = open_engine(postgres_url)
    run(warehouse, "CREATE DOMAIN short AS VARCHAR(10)", f"CREATE DOMAIN word AS {domain}")
    make(warehouse)
    run(warehouse, "ALTER TABLE people ALTER kombo_candidate_id TYPE word")
    with pytest.raises(WriteBackError, match="kombo_candidate_id is of a domain that cuts texts and must be text"):
        WriteBack(warehouse, "people", "id").check()


def test_a_generated_column_is_named_before_anything_is_sent(
    warehouse: Engine, open_engine: Callable[[str], Engine]
) -> None:
    kind = "VARCHAR(60)" if warehouse.dialect.name == "mysql" else "TEXT"
    stored = "STORED" if warehouse.dialect.name == "postgresql" else ""
    make(warehouse, f"a {kind}")
    generated = f"kombo_candidate_id {kind} GENERATED ALWAYS AS (a) {stored}"
    if warehouse.dialect.name == "duckdb":  # which adds no such column to a table that is there
        run(
            warehouse,
            "DROP TABLE people",
            f"CREATE TABLE people (a TEXT, {columns(warehouse)})".replace("kombo_candidate_id TEXT", generated),
        )
    else:
        run(
            warehouse, "ALTER TABLE people DROP COLUMN kombo_candidate_id", f"ALTER TABLE people ADD COLUMN {generated}"
        )
    with pytest.raises(WriteBackError, match="generated column"):
        WriteBack(warehouse, "people", "a").check()


def test_columns_whose_names_differ_in_case_are_the_ones_that_are_meant(warehouse: Engine, book: Book) -> None:
    written = re.sub(r"kombo_\w+", lambda name: f'"{name.group().upper()}"', columns(warehouse))
    run(warehouse, f'CREATE TABLE people ("Id" VARCHAR(9), {written})', """INSERT INTO people ("Id") VALUES ('1')""")
    target = WriteBack(warehouse, "people", "id")
    target.check()
    book.deliver("1")
    assert target.run(book.ledger, "crm.applicants").written == 1
    assert run(warehouse, 'SELECT "Id", "KOMBO_APPLICATION_ID" FROM people') == [("1", "app-1")]


def test_a_table_called_like_one_of_ours_takes_ids(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'", table="kombo_write_back")
    book.deliver("1")
    assert write(warehouse, book, "kombo_write_back").written == 1


def test_an_empty_text_in_an_id_column_is_no_id(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'", "'2'")
    run(warehouse, "UPDATE people SET kombo_application_id = '', kombo_candidate_id = '  '")
    target = WriteBack(warehouse, "people", "id")
    assert not target.holds_ids()
    assert target.foreign_ids(book.ledger, [("greenhouse:a", "1")]) == {}
    book.deliver("1")
    assert write(warehouse, book).written == 1
    assert target.holds_ids()


def test_keys_that_the_table_does_not_hold_are_refused_before_anything_is_sent(warehouse: Engine, book: Book) -> None:
    make(warehouse, "no INTEGER", "1", "2")
    target = WriteBack(warehouse, "people", "no")
    with pytest.raises(WriteBackError, match=r"None of the first 2 keys .* \(applicant_id in no\).*Nothing was sent"):
        target.check_keys(book.ledger, "crm.applicants", [("greenhouse:a", "a@b.example"), ("greenhouse:a", "c")])
    target.check_keys(book.ledger, "crm.applicants", [("greenhouse:a", "c"), ("greenhouse:a", "2")])
    target.check_keys(book.ledger, "crm.applicants", [])
    book.deliver("1")
    write(warehouse, book, key="no")
    target.check_keys(book.ledger, "crm.applicants", [("greenhouse:a", "7")])


def test_application_ids_that_no_delivery_bears_are_found_in_the_rows_of_the_extract(
    warehouse: Engine, book: Book
) -> None:
    make(warehouse, "id TEXT", "'1'", "'2'", "'3'", "'4'")
    book.deliver("1")
    write(warehouse, book)
    run(warehouse, "UPDATE people SET kombo_application_id = 'theirs' WHERE id = '2' OR id = '4'")
    target = WriteBack(warehouse, "people", "id")
    keys = [("greenhouse:a", name) for name in ("1", "2", "3")]
    assert target.ids_of(keys) == {keys[0]: "app-1", keys[1]: "theirs"}
    assert target.foreign_ids(book.ledger, [*keys, ("lever:b", "1")]) == {keys[1]: "theirs"}
    assert target.clear_keys(book.ledger, [*keys, ("greenhouse:a", "5")]) == [keys[0], keys[2]]
    with book.ledger.transaction():
        assert target.ids_of(keys[2:]) == {}


@pytest.mark.parametrize("in_the_first", [True, False])
def test_an_id_in_one_of_several_rows_of_a_key_is_found_whatever_their_order(
    warehouse: Engine, book: Book, *, in_the_first: bool
) -> None:
    make(warehouse, "id TEXT")
    for application_id in ("'theirs'", "NULL") if in_the_first else ("NULL", "'theirs'"):
        run(warehouse, f"INSERT INTO people (id, kombo_application_id) VALUES ('1', {application_id})")
    target = WriteBack(warehouse, "people", "id")
    key = ("greenhouse:a", "1")
    assert target.foreign_ids(book.ledger, [key]) == {key: "theirs"}
    assert target.clear_keys(book.ledger, [key]) == []


@pytest.mark.parametrize(("name", "aware"), [("TIMESTAMP_NTZ", False), ("TIMESTAMP_TZ", True), ("TIMESTAMP", True)])
def test_an_instant_of_a_dialect_that_derives_its_types_from_nothing_is_an_instant(name: str, aware: bool) -> None:
    kind = _known(type(name, (TypeEngine,), {})())
    assert isinstance(kind, DateTime)
    assert kind.timezone is aware
