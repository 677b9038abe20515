"""The ledger makes itself: tables, view, schema, once."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, inspect, make_url, select, text

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.errors import LedgerError, UnsupportedLedgerError
from kombo_provider.ledger import EVERYWHERE, LaneState, _migrations, claims, lane_states
from kombo_provider.ledger._tables import ledger_version, sources
from kombo_provider.ledger.ledger import Ledger, now
from kombo_provider.ledger.selection import Selection
from tests.postgres import PostgresServer
from tests.unit.ledger.book import CHANGED, RUN, VALID, Book

DELIVERIES = """source integration_id applicant_id status kombo_conn_id endpoint job_id payload payload_sha256 problems
kombo_application_id kombo_application_remote_id kombo_candidate_id kombo_candidate_remote_id resolution attempts
not_before http_status error_code error_title error_message log_url warnings changed_at staged_at sent_at finished_at
written_back_at dag_id run_id"""
EVENTS = """source integration_id applicant_id from_status to_status at run_id
actor actor_name error_code http_status duration_ms"""
LANES = "kombo_conn_id integration_id environment_id state code log_url since cap_seen lease_holder lease_epoch"
OF_POSTGRESQL = {"DATETIME": "TIMESTAMP WITH TIME ZONE", "event_id INTEGER": "event_id BIGSERIAL"}
"""Where the first version's tables in PostgreSQL had another type than in SQLite."""
INSTANTS = ("not_before", "changed_at", "staged_at", "sent_at", "finished_at", "written_back_at")


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("kombo_deliveries", DELIVERIES),
        ("kombo_delivery_events", EVENTS),
        ("kombo_lanes", LANES),
        ("kombo_sources", "source watermark"),
        ("kombo_dry_run", "source integration_id applicant_id decision problems"),
        ("kombo_same_person", "source integration_id person applicant_id"),
        ("kombo_passed_over", "source kind digest integration_id problem changed_at first_seen_at last_seen_at"),
    ],
)
def test_every_promised_column_is_there(ledger: Ledger, table: str, columns: str) -> None:
    with ledger.transaction() as conn:
        found = {column["name"] for column in inspect(conn).get_columns(table)}
    assert set(columns.split()) <= found


def test_the_primary_key_is_source_integration_and_applicant(ledger: Ledger) -> None:
    with ledger.transaction() as conn:
        found = inspect(conn).get_pk_constraint("kombo_deliveries")["constrained_columns"]
    assert found == ["source", "integration_id", "applicant_id"]


def test_instants_are_timestamptz_and_on_sqlite_utc_text(book: Book) -> None:
    book.stage(VALID)
    with book.ledger.transaction() as conn:
        if book.ledger.dialect == "sqlite":
            stored = conn.execute(text("SELECT changed_at, staged_at FROM kombo_deliveries")).one()
            assert stored[0] == "2026-03-01 12:30:00.000250"
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", stored[1])
        else:
            columns = inspect(conn).get_columns("kombo_deliveries")
            kinds = {column["name"]: str(column["type"]) for column in columns if column["name"] in INSTANTS}
            assert len(kinds) == len(INSTANTS)
            assert {getattr(column["type"], "timezone", None) for column in columns if column["name"] in INSTANTS} == {
                True
            }
    assert book.row()["changed_at"] == CHANGED


def test_the_clock_is_aware_and_in_utc(ledger: Ledger) -> None:
    with ledger.transaction() as conn:
        at = now(conn)
    assert at.tzinfo is UTC
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60


def test_the_view_shows_delivered_ids_and_nothing_personal(book: Book) -> None:
    book.deliver("1", kombo_candidate_id="cand-1")
    book.stage(VALID.but(applicant_id="2"))
    with book.ledger.transaction() as conn:
        rows = conn.execute(text("SELECT * FROM kombo_applicant_ids")).mappings().all()
    assert [(row["applicant_id"], row["kombo_application_id"], row["kombo_candidate_id"]) for row in rows] == [
        ("1", "app-1", "cand-1")
    ]
    assert rows[0]["delivered_at"] is not None
    assert not {"payload", "error_message", "warnings"} & set(rows[0])


def test_making_it_again_changes_nothing(book: Book, open_ledger: Callable[[], Ledger]) -> None:
    book.stage(VALID)
    open_ledger().ensure()
    assert book.statuses() == {"ready": 1}


_ENSURE = """
import sys
from sqlalchemy import create_engine
from kombo_provider.ledger.ledger import Ledger
ledger = Ledger(create_engine(sys.argv[1]))
sys.stdin.readline()
ledger.ensure()
"""


def _ensured_by_processes(url: str, count: int) -> list[str]:
    """Let so many processes ensure the ledger at one moment; return what each complained about."""
    command = [sys.executable, "-c", _ENSURE, url]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(count)
    ]
    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate()[1] for process in started]


def test_processes_may_make_it_at_the_same_time(database_url: str, open_ledger: Callable[[], Ledger]) -> None:
    assert _ensured_by_processes(database_url, 4) == [""] * 4
    ledger = open_ledger()
    ledger.ensure()
    with ledger.transaction() as conn:
        assert conn.scalar(text("SELECT count(*) FROM kombo_ledger_version")) == 1


def test_a_newer_ledger_is_refused(ledger: Ledger, open_ledger: Callable[[], Ledger]) -> None:
    with ledger.transaction() as conn:
        conn.execute(ledger_version.update().values(version=99))
    with pytest.raises(LedgerError, match="at version 99, this release knows version"):
        open_ledger().ensure()


def test_an_older_ledger_goes_through_each_step_once(
    ledger: Ledger, open_ledger: Callable[[], Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    def add_column(conn: Connection, schema: str | None) -> None:
        assert schema is None
        conn.execute(text("ALTER TABLE kombo_sources ADD COLUMN added TEXT"))

    newest = _migrations.NEWEST
    monkeypatch.setattr(_migrations, "MIGRATIONS", (*_migrations.MIGRATIONS, add_column))
    monkeypatch.setattr(_migrations, "NEWEST", newest + 1)
    open_ledger().ensure()
    open_ledger().ensure()
    with ledger.transaction() as conn:
        assert conn.scalar(text("SELECT version FROM kombo_ledger_version")) == newest + 1


def test_it_may_live_in_a_schema_of_its_own(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    ledger = Ledger(engine, schema="Kombo's ledger")
    ledger.ensure()
    ledger.ensure()
    book = Book(ledger)
    book.deliver("1")
    book.stage(VALID, VALID.but(applicant_id="2"), VALID.but(applicant_id="2", integration_id="lever:b"))
    with engine.connect() as conn:
        assert inspect(conn).get_table_names("public") == []
        rows = conn.execute(text("""SELECT count(*) FROM "Kombo's ledger".kombo_applicant_ids""")).scalar()
    engine.dispose()
    assert rows == 1
    assert book.statuses() == {"delivered": 1, "ready": 2}


@pytest.mark.parametrize(
    ("url", "schema", "said"),
    [
        ("sqlite://", None, "in-memory SQLite"),
        ("sqlite:///file::memory:?cache=shared&uri=true", None, "in-memory SQLite"),
        ("sqlite:////tmp/x.db", "kombo", "has none"),
    ],
)
def test_a_database_that_cannot_hold_it_is_refused(url: str, schema: str | None, said: str) -> None:
    with pytest.raises(UnsupportedLedgerError, match=said):
        Ledger(create_engine(url), schema=schema)


def test_a_ledger_without_rights_says_which_are_missing(
    postgres_server: PostgresServer, postgres_database: str
) -> None:
    postgres_server.execute("DROP ROLE IF EXISTS reader")
    postgres_server.execute("CREATE ROLE reader LOGIN")
    engine = create_engine(postgres_server.url(postgres_database, user="reader"))
    with pytest.raises(LedgerError, match="permission denied for schema public"):
        Ledger(engine).ensure()
    engine.dispose()


def test_commits_wait_for_the_disk(ledger: Ledger) -> None:
    with ledger.transaction() as conn:
        if ledger.dialect == "sqlite":
            assert conn.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        else:
            assert conn.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_server_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    engine = create_engine("postgresql+psycopg://postgres@127.0.0.1:1/none")
    with pytest.raises(LedgerError, match="The ledger's database failed: OperationalError: connection failed"):
        Ledger(engine).ensure()
    nowhere = Ledger(create_engine(f"sqlite:///{tmp_path}/none/ledger.db"))
    with pytest.raises(LedgerError, match="unable to open database file"):
        nowhere.ensure()


@pytest.fixture
def version_1(database_url: str, open_ledger: Callable[[], Ledger]) -> Ledger:
    """A ledger as the first version left it: one row in each status, the connection blocked."""
    statements = (Path(__file__).parent / "version_1.sql").read_text()
    parsed = make_url(database_url)
    if parsed.database and parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(parsed.database)) as database:
            database.executescript(statements)
        return open_ledger()
    for word, of_postgresql in OF_POSTGRESQL.items():
        statements = statements.replace(word, of_postgresql)
    with psycopg.connect(database_url.replace("+psycopg", ""), options="-c timezone=UTC", autocommit=True) as conn:
        conn.execute(statements.encode())
        conn.execute("SELECT setval('kombo_delivery_events_event_id_seq', max(event_id)) FROM kombo_delivery_events")
    return open_ledger()


def test_a_ledger_of_the_first_version_is_brought_up_to_date_without_loss(version_1: Ledger) -> None:
    count = "SELECT status, count(*) FROM kombo_deliveries GROUP BY status ORDER BY status"
    with version_1.transaction() as conn:
        before = conn.exec_driver_sql(count).all()
    version_1.ensure()
    version_1.ensure()
    with version_1.transaction() as conn:
        assert conn.exec_driver_sql(count).all() == before
        assert len(before) == 6
        assert conn.exec_driver_sql("SELECT version FROM kombo_ledger_version").all() == [(_migrations.NEWEST,)]
        assert lane_states.own_status(conn, "kombo_default", EVERYWHERE).state is LaneState.BLOCKED
        floor = conn.scalar(select(sources.c.floor))
        assert len(claims.claim(conn, Selection("crm", "kombo_default"), "greenhouse:a", 9, RUN)) == 1
    assert floor == datetime(2026, 11, 1, tzinfo=UTC)


def test_a_migrated_ledger_has_what_a_new_one_has(version_1: Ledger, tmp_path: Path) -> None:
    version_1.ensure()
    if version_1.dialect == "postgresql":
        fresh = Ledger(version_1.engine, schema="fresh")
    else:
        fresh = Ledger(create_engine(f"sqlite:///{tmp_path / 'fresh.db'}", **ENGINE_OPTIONS))
    fresh.ensure()
    assert _shape(version_1) == _shape(fresh)
    fresh.close()


def test_processes_may_bring_it_up_to_date_at_the_same_time(version_1: Ledger, database_url: str) -> None:
    assert _ensured_by_processes(database_url, 2) == [""] * 2
    with version_1.transaction() as conn:
        assert conn.scalar(select(ledger_version.c.version)) == _migrations.NEWEST


def _shape(ledger: Ledger) -> dict[str, set[str]]:
    found, schema = inspect(ledger.engine), ledger.schema
    shape = {"views": set(found.get_view_names(schema))}
    for name in found.get_table_names(schema):
        shape[name] = {f"{column['name']} {column['type']}" for column in found.get_columns(name, schema)}
        shape[f"{name} indexes"] = {str(index["name"]) for index in found.get_indexes(name, schema)}
    return shape


def test_a_database_that_has_no_characters_for_some_answers_is_refused(postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url().replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    ledger = Ledger(create_engine(postgres_server.url("latin"), **ENGINE_OPTIONS))
    with pytest.raises(UnsupportedLedgerError, match=r"LATIN1.*UTF8"):
        ledger.ensure()
    ledger.close()


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_a_role_s_stricter_isolation_does_not_reach_the_ledger(postgres_server: PostgresServer, level: str) -> None:
    name = level.replace(" ", "_")
    with psycopg.connect(postgres_server.url().replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
    ledgers = [Ledger(create_engine(postgres_server.url(name), **ENGINE_OPTIONS)) for _ in range(4)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(Ledger.ensure, ledgers))
    with ledgers[0].transaction() as conn:
        assert conn.scalar(text("SHOW transaction_isolation")) == "read committed"
        assert conn.scalar(text("SHOW synchronous_commit")) == "on"
    for ledger in ledgers:
        ledger.close()
