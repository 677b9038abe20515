"""Locks and rights: a wait that ends, an error that says who holds what and which GRANT is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from kombo_provider.errors import WriteBackError
from kombo_provider.write_back.open_target import Patience, Wait, concerns_rows, is_locked
from kombo_provider.write_back.write_back import WriteBack
from tests.postgres import PostgresServer
from tests.unit.ledger.book import Book
from tests.unit.write_back.write_back_target import ids, make, run

SOON = Patience(first=Wait(0.05, 60), next=Wait(0.02, 60))


@pytest.fixture
def people(postgres_url: str, open_engine: Callable[[str], Engine], book: Book) -> Engine:
    """A table on PostgreSQL with three delivered people."""
    engine = open_engine(postgres_url)
    make(engine, "id TEXT", "'1'", "'2'", "'3'")
    book.deliver("1", "2", "3")
    return engine


def test_an_open_transaction_on_one_row_costs_that_row_and_no_other(people: Engine, book: Book) -> None:
    target = WriteBack(people, "people", "id", SOON)
    with people.connect() as person:
        person.exec_driver_sql("UPDATE people SET id = id WHERE id = '2'")
        report = target.run(book.ledger, "crm.applicants")
        person.rollback()
    assert (report.written, report.refused) == (2, 1)
    assert ids(people) == [("1", "app-1"), ("2", None), ("3", "app-3")]
    assert target.run(book.ledger, "crm.applicants").written == 1


def test_many_rows_in_an_open_transaction_keep_no_row_of_another_part_from_its_ids(
    postgres_url: str, open_engine: Callable[[str], Engine], book: Book
) -> None:
    engine = open_engine(postgres_url)
    locked, others = [f"{number:03}" for number in range(30)], [f"{number:03}" for number in range(100, 160)]
    make(engine, "id TEXT", *(f"'{key}'" for key in (*locked, *others)))
    book.deliver(*locked, *others)
    target = WriteBack(engine, "people", "id", SOON)
    with engine.connect() as person:
        person.exec_driver_sql("UPDATE people SET id = id WHERE id < '1'")
        with pytest.raises(WriteBackError, match="Another transaction holds a lock"):
            target.run(book.ledger, "crm.applicants")
        person.rollback()
    written = [key for key, found in ids(engine) if found is not None]
    assert set(others[20:]) <= set(written)
    assert set(written) <= set(others)
    assert target.run(book.ledger, "crm.applicants").written == 90 - len(written)


@pytest.mark.parametrize("limit_of_the_role", [True, False])
def test_a_trigger_that_does_not_come_back_costs_its_row_and_no_other(
    people: Engine, book: Book, open_engine: Callable[[str], Engine], *, limit_of_the_role: bool
) -> None:
    run(
        people,
        "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF OLD.id = '2' THEN PERFORM pg_sleep(600); END IF; RETURN NEW; END $$",
        "CREATE TRIGGER stay BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION stay()",
    )
    limits = {"options": "-c statement_timeout=1s"} if limit_of_the_role else {}
    limited = open_engine(people.url.update_query_dict(limits).render_as_string(hide_password=False))
    seconds = 600 if limit_of_the_role else 1
    patience = Patience(first=Wait(60, seconds), next=Wait(60, seconds))
    report = WriteBack(limited, "people", "id", patience).run(book.ledger, "crm.applicants")
    assert (report.written, report.refused) == (2, 1)
    assert ids(people) == [("1", "app-1"), ("2", None), ("3", "app-3")]


def test_a_locked_table_is_an_error_that_says_so_and_no_endless_wait(people: Engine, book: Book) -> None:
    target = WriteBack(people, "people", "id", SOON)
    target.holds_ids()
    with people.connect() as person:
        person.exec_driver_sql("LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(WriteBackError, match="Another transaction holds a lock") as checked:
            target.check()
        with pytest.raises(WriteBackError, match=r"55P03|refused all"):
            target.run(book.ledger, "crm.applicants")
    assert "Nothing was sent" in str(checked.value)
    assert "safe in the ledger" not in str(checked.value)


def test_missing_rights_come_with_the_grant_to_paste(
    people: Engine,
    postgres_server: PostgresServer,
    postgres_database: str,
    open_engine: Callable[[str], Engine],
    book: Book,
) -> None:
    for sql in ("DROP ROLE IF EXISTS looker", "CREATE ROLE looker LOGIN"):
        postgres_server.execute(sql)
    target = WriteBack(open_engine(postgres_server.url(postgres_database, user="looker")), "people", "id")
    with pytest.raises(WriteBackError, match="permission denied for table people") as raised:
        target.check()
    grant = str(raised.value).splitlines()[-1]
    assert grant.startswith("GRANT SELECT (id, kombo_application_id")
    postgres_server.execute(grant, database=postgres_database)
    target.check()
    assert target.run(book.ledger, "crm.applicants").written == 3
    postgres_server.execute("DROP OWNED BY looker", database=postgres_database)
    postgres_server.execute("DROP ROLE looker")


class _DriversError(Exception):
    """What PyMySQL raises: a number, a text, and an SQLSTATE that says nothing."""

    def __init__(self, number: int, sqlstate: str) -> None:
        super().__init__(number, "a text")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("number", "sqlstate", "rows", "locked"),
    [
        (1205, "HY000", True, True),
        (1644, "45000", True, False),
        (1213, "40001", False, False),
        (1040, "08004", False, False),
    ],
)
def test_mysql_tells_by_number_what_a_single_row_is_the_cause_of(
    number: int, sqlstate: str, rows: bool, locked: bool
) -> None:
    error = OperationalError("UPDATE", {}, _DriversError(number, sqlstate))
    assert (concerns_rows(error), is_locked(error)) == (rows, locked)
