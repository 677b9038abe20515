"""The GRANT statements of docs/ledger.md are enough for a push, and no more than it takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import Engine, create_engine

from kombo_provider.client import KomboClient
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.errors import LedgerError
from kombo_provider.ledger import Ledger, RunRef
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.staging import Staging
from kombo_provider.sending.deliver import deliver
from kombo_provider.sending.options import SendOptions
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Plan, Window
from kombo_provider.staging.narrowing import Narrowing
from kombo_provider.staging.stager import MappingOptions, Stager
from kombo_provider.write_back.write_back import WriteBack
from kombo_sandbox.testing import API_KEY, Sandbox
from tests.docs.markdown import README, Block, blocks, section
from tests.docs.own_table import PEOPLE, RIGHTS, ROLES, drop_roles
from tests.postgres import PostgresServer

RUN = RunRef("dag", "run")
MADE_BY_DBA = "CREATE SCHEMA kombo AUTHORIZATION kombo_airflow;"


def readme(language: str) -> list[Block]:
    found = blocks(section(README, "## Your own table in ten minutes"))
    return [block for block in found if block.language == language]


@pytest.fixture
def crm(postgres_server: PostgresServer, postgres_database: str) -> Iterator[str]:
    """A database with the README's table, a few people in it, and the place for the ids."""
    create, alter, *_ = readme("sql")
    for sql in (create.text, PEOPLE, alter.text):
        postgres_server.execute(sql, database=postgres_database)
    yield postgres_database
    drop_roles(postgres_server, postgres_database)


def push(server: PostgresServer, database: str, sandbox: Sandbox) -> dict[str, int]:
    """Do as the role what a run's tasks do; return the counts of staging and how many rows were written back."""
    engine = create_engine(server.url(database, user="kombo_airflow"), **ENGINE_OPTIONS)
    try:
        return run_on(engine, sandbox)
    finally:
        engine.dispose()


def run_on(engine: Engine, sandbox: Sandbox) -> dict[str, int]:
    ledger = Ledger(engine, schema="kombo")
    ledger.ensure()
    select = next(block.text for block in readme("sql") if block.file)
    target = WriteBack(engine, "crm.people", "person_no")
    target.check()
    assert not target.holds_ids()
    stager = Stager(ledger, Staging("crm.people", "k", "application", RUN), MappingOptions())
    reader = SourceReader(engine, select, where="the README")
    stager.run(reader, Plan(Window(), moves=True), Narrowing(), started_at=datetime.now(UTC))
    client = KomboClient(api_key=API_KEY, base_url=sandbox.url, timeout_seconds=60)
    selection, options = Selection("crm.people", "k"), SendOptions(RUN, "holder", 30, 20.0)
    integrations = ["greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js", "workday:HWUTwvyx2wLoSUHphiWVrp28"]
    report = deliver(ledger, client, selection, options, integrations, stop=threading.Event(), read_file=lambda _: b"")
    assert not report.problems
    return dict(stager.counts) | {"written": target.run(ledger, "crm.people").written}


def test_a_role_with_the_documented_rights_can_push_and_write_back(
    postgres_server: PostgresServer, crm: str, sandbox: Sandbox
) -> None:
    postgres_server.execute(RIGHTS[0], database=crm)
    counts = push(postgres_server, crm, sandbox)
    assert (counts["new"], counts["invalid"], counts["written"]) == (2, 2, 2)
    assert sum(sandbox.creates().values()) == 2


def test_a_role_that_may_create_schemas_makes_the_ledgers_itself(
    postgres_server: PostgresServer, crm: str, sandbox: Sandbox
) -> None:
    assert MADE_BY_DBA in RIGHTS[0]
    postgres_server.execute(RIGHTS[0].replace(MADE_BY_DBA, ""), database=crm)
    with pytest.raises(LedgerError, match="permission denied for database"):
        push(postgres_server, crm, sandbox)
    assert not sandbox.creates()
    postgres_server.execute(RIGHTS[1].replace("DATABASE warehouse", f"DATABASE {crm}"), database=crm)
    assert push(postgres_server, crm, sandbox)["written"] == 2


def test_the_role_cannot_touch_any_other_column(postgres_server: PostgresServer, crm: str) -> None:
    postgres_server.execute(RIGHTS[0], database=crm)
    with psycopg.connect(postgres_server.dsn(crm).replace("user=postgres", "user=kombo_airflow")) as connection:
        connection.execute("UPDATE crm.people SET kombo_application_id = 'x'")
        for column in ("surname", "person_no"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"UPDATE crm.people SET {column} = NULL")


def test_a_reader_of_the_view_sees_ids_and_no_payload(
    postgres_server: PostgresServer, crm: str, sandbox: Sandbox
) -> None:
    postgres_server.execute(RIGHTS[0], database=crm)
    push(postgres_server, crm, sandbox)
    postgres_server.execute(RIGHTS[2], database=crm)
    with psycopg.connect(postgres_server.dsn(crm), autocommit=True) as connection:
        connection.execute("SET ROLE mart_reader")
        assert connection.execute("SELECT count(*) FROM kombo.kombo_applicant_ids").fetchone() == (2,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT payload FROM kombo.kombo_deliveries")


def test_the_roles_of_the_document_are_the_ones_that_tests_drop() -> None:
    assert all(f"CREATE ROLE {role}" in "".join(RIGHTS) for role in ROLES)
