"""What one row, or the database itself, does to an UPDATE costs that row and no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import product

import pytest
from sqlalchemy import Engine

from kombo_provider.errors import WriteBackError
from kombo_provider.ledger import RunRef, Status
from tests.postgres import PostgresServer
from tests.unit.ledger.book import RUN, VALID, Book
from tests.unit.write_back.write_back_target import columns, ids, make, run, write

KEYS = [str(number) for number in range(10, 40)]

WITH_TRIGGERS = pytest.mark.parametrize("warehouse_kind", ["sqlite", "postgresql", "mariadb"])


def _raise_for(warehouse: Engine, key: str) -> None:
    if warehouse.dialect.name == "sqlite":
        run(
            warehouse,
            f"CREATE TRIGGER refuse BEFORE UPDATE ON people WHEN OLD.id = '{key}' "
            "BEGIN SELECT RAISE(ABORT, 'no secret-value'); END",
        )
        return
    if warehouse.dialect.name == "mysql":
        run(
            warehouse,
            "CREATE TRIGGER refuse BEFORE UPDATE ON people FOR EACH ROW "
            f"IF OLD.id = '{key}' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no secret-value'; END IF",
        )
        return
    run(
        warehouse,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF OLD.id = '{key}' THEN RAISE 'no secret-value'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION refuse()",
    )


def test_a_trigger_that_stumbles_over_the_value_of_one_row_costs_that_row_alone(
    database_url: str, open_engine: Callable[[str], Engine], book: Book
) -> None:
    warehouse = open_engine(database_url)
    make(warehouse, "id TEXT", "'1'", "'2'", "'3'")
    run(warehouse, "ALTER TABLE people ADD COLUMN links TEXT", "UPDATE people SET links = '{' WHERE id = '2'")
    if warehouse.dialect.name == "sqlite":
        run(warehouse, "CREATE TRIGGER t BEFORE UPDATE ON people BEGIN SELECT json(NEW.links); END")
    else:
        run(
            warehouse,
            "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM NEW.links::jsonb; RETURN NEW; END $$",
            "CREATE TRIGGER t BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION t()",
        )
    book.deliver("1", "2", "3")
    report = write(warehouse, book)
    assert (report.written, report.refused) == (2, 1)


@WITH_TRIGGERS
def test_a_trigger_that_raises_for_one_row_of_thirty_costs_that_row_alone(
    warehouse: Engine, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    make(warehouse, "id TEXT", *(f"'{key}'" for key in KEYS))
    _raise_for(warehouse, "17")
    book.deliver(*KEYS)
    with caplog.at_level(logging.WARNING):
        report = write(warehouse, book)
    assert (report.written, report.refused, report.missed) == (29, 1, {"greenhouse:a": 1})
    assert [key for key, found in ids(warehouse) if found is None] == ["17"]
    assert "Applicant 17 of greenhouse:a is refused by the database" in caplog.text
    assert "secret-value" not in caplog.text
    run(warehouse, "DROP TRIGGER refuse" + (" ON people" if warehouse.dialect.name == "postgresql" else ""))
    assert write(warehouse, book).written == 1


@WITH_TRIGGERS
def test_a_row_that_was_refused_before_turns_nothing_red_again(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", *(f"'{key}'" for key in KEYS))
    _raise_for(warehouse, "17")
    book.deliver(*KEYS)
    write(warehouse, book, run=RUN)
    report = write(warehouse, book, run=RunRef("kombo_push", "the next one"))
    assert (report.written, report.refused, report.missed) == (0, 1, {})


def test_keys_without_a_row_count_as_missed_by_the_first_run_that_finds_it_and_by_its_second_try(
    warehouse: Engine, book: Book
) -> None:
    make(warehouse, "id TEXT", "'1'")
    book.deliver("1", "2")
    first, second = RunRef("kombo_push", "not the one that sent them"), RunRef("kombo_push", "the next one")
    assert write(warehouse, book, run=first).missed == {"greenhouse:a": 1}
    assert write(warehouse, book, run=second).missed == {}
    assert write(warehouse, book, run=first).missed == {"greenhouse:a": 1}


def test_a_row_that_was_written_and_is_missed_later_is_a_new_miss(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", "'1'")
    book.deliver("2")
    assert write(warehouse, book, run=RUN).missed == {"greenhouse:a": 1}
    run(warehouse, "INSERT INTO people (id) VALUES ('2')")
    assert write(warehouse, book).written == 1
    run(warehouse, "DELETE FROM people WHERE id = '2'")
    later = RunRef("kombo_push", "later")
    assert write(warehouse, book, run=later, refill=True).missed == {"greenhouse:a": 1}


def test_a_table_that_refuses_every_row_is_one_error_and_not_a_thousand_tries(warehouse: Engine, book: Book) -> None:
    make(warehouse, "id TEXT", *(f"'{number}'" for number in range(1000)))
    run(warehouse, "DELETE FROM people WHERE id = 'none'")
    book.deliver(*map(str, range(1000)))
    if warehouse.dialect.name == "sqlite":
        run(warehouse, "CREATE TRIGGER refuse BEFORE UPDATE ON people BEGIN SELECT RAISE(ABORT, 'no'); END")
    elif warehouse.dialect.name == "duckdb":  # which adds no check to a table that is there
        checked = "CREATE TABLE people (id TEXT, {}, CHECK (kombo_application_id IS NULL))"
        run(
            warehouse,
            "ALTER TABLE people RENAME TO before",
            checked.format(columns(warehouse)),
            "INSERT INTO people SELECT * FROM before",
        )
    else:
        run(warehouse, "ALTER TABLE people ADD CHECK (kombo_application_id IS NULL)")
    with pytest.raises(WriteBackError, match="Writing ids back into people failed"):
        write(warehouse, book)
    assert book.row("999")["written_back_at"] is None


def _refuse_archived(warehouse: Engine, *archived: str) -> None:
    """Refuse every UPDATE of these rows and of no others."""
    run(warehouse, "ALTER TABLE people ADD COLUMN archived INTEGER")
    for key in archived:
        run(warehouse, f"UPDATE people SET archived = 1 WHERE id = '{key}'")
    if warehouse.dialect.name == "sqlite":
        run(
            warehouse,
            "CREATE TRIGGER refuse BEFORE UPDATE ON people WHEN OLD.archived = 1 BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
    else:
        run(warehouse, "ALTER TABLE people ADD CHECK (archived IS NULL OR kombo_application_id IS NULL)")


def _keys(first: int, last: int) -> list[str]:
    return [f"{number:04}" for number in range(first, last)]


def _deliver(book: Book, lane: str, *keys: str) -> None:
    book.stage(*(VALID.but(applicant_id=key, integration_id=lane) for key in keys))
    for intent in book.claim(len(keys), lane=lane):
        book.record(intent, Status.DELIVERED, resolution="response", kombo_application_id=f"app-{intent.key[-1]}")


@WITH_TRIGGERS
@pytest.mark.parametrize(
    ("archived", "lane_of_others", "chunk_rows"),
    [(25, "greenhouse:a", 5000), (64, "greenhouse:b", 30), (64, "greenhouse:a", 30)],
)
def test_rows_that_the_table_refuses_keep_no_row_behind_them_from_its_ids(
    warehouse: Engine,
    book: Book,
    archived: int,
    lane_of_others: str,
    chunk_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kombo_provider.write_back.write_back.CHUNK_ROWS", chunk_rows)
    refused, good = _keys(0, archived), _keys(100, 140)
    make(warehouse, "id VARCHAR(20)", *(f"'{key}'" for key in (*refused, *good)))
    _refuse_archived(warehouse, *refused)
    _deliver(book, "greenhouse:a", *refused)
    _deliver(book, lane_of_others, *good)
    report = write(warehouse, book, run=RUN)
    assert (report.written, report.refused) == (len(good), len(refused))
    assert [key for key, found in ids(warehouse) if found is not None] == good


@WITH_TRIGGERS
def test_a_single_row_in_the_midst_of_refused_ones_gets_its_ids_in_a_later_run(warehouse: Engine, book: Book) -> None:
    refused = _keys(0, 64)
    make(warehouse, "id VARCHAR(20)", *(f"'{key}'" for key in refused))
    refused.remove("0033")
    _refuse_archived(warehouse, *refused)
    _deliver(book, "greenhouse:a", *refused, "0033")
    with pytest.raises(WriteBackError, match="Writing ids back into people failed"):
        write(warehouse, book, run=RUN)
    assert write(warehouse, book, run=RunRef("kombo_push", "later")).written == 1


@WITH_TRIGGERS
def test_many_rows_that_were_refused_before_turn_nothing_red_again(warehouse: Engine, book: Book) -> None:
    refused = _keys(0, 30)
    make(warehouse, "id VARCHAR(20)", *(f"'{key}'" for key in (*refused, "0100")))
    _refuse_archived(warehouse, *refused)
    _deliver(book, "greenhouse:a", *refused, "0100")
    assert write(warehouse, book, run=RUN).missed == {"greenhouse:a": 30}
    report = write(warehouse, book, run=RunRef("kombo_push", "later"))
    assert (report.written, report.missed) == (0, {})


def _change_nothing(warehouse: Engine, how: str) -> str:
    """Make UPDATEs of some rows change nothing; return the table to write to."""
    if how == "view":
        run(warehouse, "CREATE VIEW everybody AS SELECT * FROM people")
        if warehouse.dialect.name == "sqlite":
            run(warehouse, "CREATE TRIGGER v INSTEAD OF UPDATE ON everybody BEGIN SELECT 1; END")
        else:
            run(
                warehouse,
                "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
                "CREATE TRIGGER v INSTEAD OF UPDATE ON everybody FOR EACH ROW EXECUTE FUNCTION nothing()",
            )
        return "everybody"
    if warehouse.dialect.name == "mysql":
        run(
            warehouse,
            "CREATE TRIGGER t BEFORE UPDATE ON people FOR EACH ROW SET NEW.kombo_application_id = NULL",
        )
    elif warehouse.dialect.name == "sqlite":
        run(
            warehouse,
            "CREATE TRIGGER back AFTER UPDATE ON people WHEN NEW.kombo_application_id IS NOT NULL BEGIN "
            "UPDATE people SET kombo_application_id = NULL WHERE id = NEW.id; END",
        )
    elif how == "rule":
        run(warehouse, "CREATE RULE nothing AS ON UPDATE TO people DO INSTEAD NOTHING")
    else:
        run(
            warehouse,
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
            "CREATE TRIGGER t BEFORE UPDATE ON people FOR EACH ROW WHEN (OLD.id > '1') EXECUTE FUNCTION nothing()",
        )
    return "people"


@pytest.mark.parametrize(
    ("warehouse_kind", "how"),
    [*product(("sqlite", "postgresql"), ("view", "rule", "trigger")), ("mariadb", "trigger")],
)
def test_an_update_that_changes_nothing_is_not_counted_as_written(
    warehouse: Engine, book: Book, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    make(warehouse, "id TEXT", "'1'", "'2'", "'3'")
    table = _change_nothing(warehouse, how)
    book.deliver("2", "3")
    with caplog.at_level(logging.WARNING), pytest.raises(WriteBackError, match="changed nothing"):
        write(warehouse, book, table)
    assert "Applicant 2 of greenhouse:a has a row that the database did not change" in caplog.text
    assert book.row("2")["written_back_at"] is None
    assert all(found is None for _, found in ids(warehouse))


def test_rows_that_leave_a_view_by_getting_their_ids_are_written(
    postgres_url: str, open_engine: Callable[[str], Engine], book: Book
) -> None:
    warehouse = open_engine(postgres_url)
    make(warehouse, "id TEXT", "'1'", "'2'")
    run(warehouse, "CREATE VIEW waiting AS SELECT * FROM people WHERE kombo_application_id IS NULL")
    book.deliver("1", "2")
    assert write(warehouse, book, "waiting").written == 2
    assert ids(warehouse) == [("1", "app-1"), ("2", "app-2")]
    assert write(warehouse, book, "waiting").handled == 0


def test_rows_that_a_policy_protects_are_named_and_tried_again(
    postgres_server: PostgresServer, postgres_database: str, open_engine: Callable[[str], Engine], book: Book
) -> None:
    owner = open_engine(postgres_server.url(postgres_database))
    make(owner, "id TEXT", "'1'", "'2'")
    for sql in ("DROP ROLE IF EXISTS writer", "CREATE ROLE writer LOGIN"):
        postgres_server.execute(sql)
    run(
        owner,
        "GRANT SELECT, UPDATE ON people TO writer",
        "ALTER TABLE people ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY see ON people FOR SELECT USING (true)",
        "CREATE POLICY change ON people FOR UPDATE USING (id = '1')",
    )
    warehouse = open_engine(postgres_server.url(postgres_database, user="writer"))
    book.deliver("1", "2")
    report = write(warehouse, book)
    assert (report.written, report.refused) == (1, 1)
    run(owner, "ALTER TABLE people DISABLE ROW LEVEL SECURITY")
    assert write(warehouse, book).written == 1
    run(owner, "DROP OWNED BY writer", "DROP ROLE writer")
