"""Ten thousand ids take a few statements, and what is in doubt is looked at row by row all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from kombo_provider.ledger import Ledger
from kombo_provider.ledger._tables import deliveries
from kombo_provider.write_back.open_target import OpenTarget, Patience
from kombo_provider.write_back.set_update import write_in_sets
from tests.unit.ledger.book import VALID, Book
from tests.unit.write_back.write_back_target import columns, ids, instant, make, run, write

UUID = "6f1c7c0e-9b8a-4c6f-8d2e-1a2b3c4d5e6f"


BESIDE = pytest.mark.parametrize("warehouse_kind", ["sqlite", "postgresql"])
"""The kinds of database that hold the ledger too."""

ON_POSTGRESQL = pytest.mark.parametrize("warehouse_kind", ["postgresql"])


@pytest.fixture
def people(warehouse: Engine) -> Engine:
    """A database in which the ledger lies too."""
    return warehouse


class Statements:
    """What an engine is told to do with the target from now on."""

    def __init__(self, engine: Engine) -> None:
        self._told: list[str] = []
        event.listen(engine, "before_cursor_execute", self._keep)

    def _keep(self, _conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self._told.append(statement)

    @property
    def look_at_each_row(self) -> bool:
        """Tell whether keys were sent to the database, to be looked up one by one."""
        return any("kombo_key_applicant" in statement for statement in self._told)


def _in_sets(engine: Engine, book: Book, **more: Any) -> int:
    """Write back; return how many rows got their ids without a look at any."""
    told = Statements(engine)
    written = write(engine, book, **more).written
    assert not told.look_at_each_row
    return written


def _by_rows(engine: Engine, book: Book, **more: Any) -> int:
    """Write back; return how many rows got their ids where some needed a look at each row."""
    told = Statements(engine)
    written = write(engine, book, **more).written
    assert told.look_at_each_row
    return written


@BESIDE
@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("TEXT PRIMARY KEY", ("1", "02", "x y")),
        ("VARCHAR(20) UNIQUE", ("1", "02")),
        ("INTEGER PRIMARY KEY", ("1", "20", "-3")),
        ("BIGINT UNIQUE", ("1", "900719925474099312")),
    ],
)
def test_ids_are_written_without_a_look_at_any_row(
    people: Engine, book: Book, kind: str, keys: tuple[str, ...]
) -> None:
    make(people, f"id {kind}", *(f"'{key}'" for key in keys), "'77'")
    book.deliver(*keys, kombo_candidate_id="cand")
    assert _in_sets(people, book) == len(keys)
    assert ids(people) == sorted([*((key, f"app-{key}") for key in keys), ("77", None)])
    (first,) = run(people, f"SELECT kombo_candidate_id, kombo_delivered_at FROM people WHERE id = '{keys[0]}'")
    assert (first[0], instant(first[1])) == ("cand", book.row(keys[0])["finished_at"])
    assert book.row(keys[0])["written_back_at"] is not None
    assert write(people, book).handled == 0


@ON_POSTGRESQL
def test_a_uuid_is_compared_as_postgresql_prints_it(people: Engine, book: Book) -> None:
    make(people, "id UUID PRIMARY KEY", f"'{UUID}'")
    book.deliver(UUID)
    assert _in_sets(people, book) == 1


@BESIDE
def test_a_key_of_two_columns_may_be_unique_as_a_whole(people: Engine, book: Book) -> None:
    run(
        people,
        f"CREATE TABLE people (ats TEXT, no INTEGER, {columns(people)}, UNIQUE (no, ats))",
        "INSERT INTO people (ats, no) VALUES ('greenhouse:a', 1), ('lever:b', 1)",
    )
    book.stage(VALID, VALID.but(integration_id="lever:b"))
    _deliver_everything(book)
    assert _in_sets(people, book, key={"applicant_id": "no", "integration_id": "ats"}) == 2
    assert run(people, "SELECT ats, kombo_application_id FROM people ORDER BY 1") == [
        ("greenhouse:a", "greenhouse:a/1"),
        ("lever:b", "lever:b/1"),
    ]


@BESIDE
def test_many_ids_are_written_range_by_range(people: Engine, book: Book) -> None:
    keys = [f"{letter}{number}" for letter in "aBc" for number in range(4)]
    make(people, "id TEXT PRIMARY KEY", *(f"'{key}'" for key in keys))
    book.deliver(*keys)
    target = OpenTarget(people, "people", {"applicant_id": "id"})
    assert list(write_in_sets(target, Patience(), book.ledger, "crm.applicants", range_rows=5)) == [5, 5, 2]
    assert {row[1] for row in ids(people)} == {f"app-{key}" for key in keys}


@ON_POSTGRESQL
def test_a_ledger_in_a_schema_of_its_own_is_in_the_same_database(
    warehouse_url: str, open_engine: Callable[[str], Engine]
) -> None:
    ledger = Ledger(open_engine(warehouse_url), schema="kombo")
    ledger.ensure()
    people, book = open_engine(warehouse_url), Book(ledger)
    make(people, "id TEXT PRIMARY KEY", "'1'")
    book.deliver("1")
    assert _in_sets(people, book) == 1
    run(people, "CREATE SCHEMA crm")
    make(people, "id TEXT PRIMARY KEY", "'2'", table="crm.people")
    book.deliver("2")
    assert _in_sets(people, book, table="crm.people") == 1


@BESIDE
@pytest.mark.parametrize("kind", ["TEXT", "NUMERIC PRIMARY KEY", "CHAR(4) PRIMARY KEY"])
def test_a_key_that_may_have_several_rows_or_be_printed_in_another_way_is_looked_up(
    people: Engine, book: Book, kind: str
) -> None:
    if people.dialect.name == "sqlite" and kind.startswith("CHAR"):
        pytest.skip("its CHAR is text")
    make(people, f"id {kind}", "'1'")
    book.deliver("1")
    assert _by_rows(people, book) == 1


@BESIDE
def test_a_key_without_a_row_keeps_no_other_from_its_ids(people: Engine, book: Book) -> None:
    make(people, "id TEXT PRIMARY KEY", "'1'", "'3'")
    book.deliver("1", "2", "3")
    report = write(people, book)
    assert (report.written, report.without_row) == (2, 1)
    assert book.row("2")["written_back_at"] is None
    assert ids(people) == [("1", "app-1"), ("3", "app-3")]


@BESIDE
def test_two_spellings_of_a_unique_key_are_named_and_none_is_written(people: Engine, book: Book) -> None:
    make(people, "id INTEGER PRIMARY KEY", "7", "8")
    book.deliver("7", "007", "8")
    report = write(people, book)
    assert report.written == 1
    assert ids(people) == [("7", None), ("8", "app-8")]


@BESIDE
def test_two_applicants_of_one_unique_row_are_named_and_none_is_written(people: Engine, book: Book) -> None:
    make(people, "id TEXT PRIMARY KEY", "'1'", "'2'")
    book.stage(VALID, VALID.but(integration_id="lever:b"), VALID.but(applicant_id="2"))
    _deliver_everything(book)
    report = write(people, book)
    assert (report.written, report.with_several_rows) == (1, 2)
    assert ids(people) == [("1", None), ("2", "greenhouse:a/2")]


@BESIDE
def test_ids_of_another_delivery_in_a_unique_row_are_never_overwritten(people: Engine, book: Book) -> None:
    make(people, "id TEXT PRIMARY KEY", "'1'", "'2'")
    book.deliver("1")
    assert _in_sets(people, book) == 1
    book.stage(VALID.but(integration_id="lever:b"), VALID.but(applicant_id="2", integration_id="lever:b"))
    with book.ledger.transaction() as conn:
        of_lever = update(deliveries).where(deliveries.c.integration_id == "lever:b")
        conn.execute(of_lever.values(status="delivered", kombo_application_id="later-" + deliveries.c.applicant_id))
    report = write(people, book)
    assert (report.written, report.with_several_rows) == (1, 1)
    assert ids(people) == [("1", "app-1"), ("2", "later-2")]


@BESIDE
def test_ids_that_nobody_bears_in_a_unique_row_are_replaced_and_an_unknown_one_is_kept(
    people: Engine, book: Book
) -> None:
    make(people, "id TEXT PRIMARY KEY", "'1'", "'2'")
    run(people, "UPDATE people SET kombo_application_id = 'old' WHERE id = '1'")
    run(people, "UPDATE people SET kombo_application_id = '', kombo_candidate_remote_id = 'mine' WHERE id = '2'")
    book.deliver("1", "2")
    assert write(people, book).written == 2
    assert run(people, "SELECT kombo_application_id, kombo_candidate_remote_id FROM people ORDER BY id") == [
        ("app-1", None),
        ("app-2", "mine"),
    ]


def _trigger(engine: Engine, when: str, of_sqlite: str, of_postgresql: str) -> None:
    if engine.dialect.name == "sqlite":
        run(engine, f"CREATE TRIGGER t {when} UPDATE ON people {of_sqlite}")
        return
    run(
        engine,
        f"CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {of_postgresql} RETURN NEW; END $$",
        f"CREATE TRIGGER t {when} UPDATE ON people FOR EACH ROW EXECUTE FUNCTION t()",
    )


@BESIDE
def test_a_trigger_that_raises_for_one_unique_row_costs_that_row_alone(people: Engine, book: Book) -> None:
    make(people, "id TEXT PRIMARY KEY", "'1'", "'2'", "'3'")
    raising = "IF OLD.id = '2' THEN RAISE 'no'; END IF;"
    _trigger(people, "BEFORE", "WHEN OLD.id = '2' BEGIN SELECT RAISE(ABORT, 'no'); END", raising)
    book.deliver("1", "2", "3")
    report = write(people, book)
    assert (report.written, report.refused) == (2, 1)
    assert ids(people) == [("1", "app-1"), ("2", None), ("3", "app-3")]


@BESIDE
def test_what_a_trigger_takes_back_of_a_unique_row_is_not_counted_as_written(people: Engine, book: Book) -> None:
    make(people, "id TEXT PRIMARY KEY", "'1'", "'2'")
    back = "UPDATE people SET kombo_application_id = NULL WHERE id = '2' AND kombo_application_id IS NOT NULL"
    _trigger(people, "AFTER", f"BEGIN {back}; END", f"{back};")
    book.deliver("1", "2")
    report = write(people, book)
    assert (report.written, report.refused) == (1, 1)
    assert book.row("2")["written_back_at"] is None


@ON_POSTGRESQL
@pytest.mark.parametrize("how", ["returns nothing", "takes an id away", "rule", "child"])
def test_what_postgresql_did_not_change_of_unique_rows_is_not_counted_as_written(
    people: Engine, book: Book, how: str
) -> None:
    make(people, "id TEXT PRIMARY KEY", "'1'", "'2'")
    if how == "returns nothing":
        _trigger(people, "BEFORE", "", "IF OLD.id = '2' THEN RETURN NULL; END IF;")
    elif how == "takes an id away":
        _trigger(people, "BEFORE", "", "IF OLD.id = '2' THEN NEW.kombo_application_id := NULL; END IF;")
    elif how == "rule":
        run(people, "CREATE RULE nothing AS ON UPDATE TO people WHERE OLD.id = '2' DO INSTEAD NOTHING")
    else:
        run(people, "CREATE TABLE more () INHERITS (people)", "INSERT INTO more (id) VALUES ('2')")
    book.deliver("1", "2")
    assert write(people, book).written == 1
    assert book.row("2")["written_back_at"] is None


@pytest.mark.parametrize("warehouse_kind", ["sqlite"])
def test_rows_that_differ_in_case_alone_are_one_to_a_collation_that_says_so(people: Engine, book: Book) -> None:
    make(people, "id TEXT COLLATE NOCASE PRIMARY KEY", "'a'")
    book.deliver("a", "A")
    assert write(people, book).written == 0
    assert ids(people) == [("a", None)]


def _deliver_everything(book: Book) -> None:
    with book.ledger.transaction() as conn:
        made = deliveries.c.integration_id + "/" + deliveries.c.applicant_id
        conn.execute(update(deliveries).values(status="delivered", kombo_application_id=made, payload=None))
