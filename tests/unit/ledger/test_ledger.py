"""What the ledger says of a database that cannot hold it now, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event

from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.errors import LedgerError, LedgerRefusedError
from kombo_provider.ledger import Ledger
from tests.postgres import PostgresServer


@pytest.fixture
def guest(postgres_server: PostgresServer, postgres_database: str) -> Iterator[Engine]:
    """A role that may log in, and nothing else."""
    postgres_server.execute("DROP ROLE IF EXISTS kombo_guest; CREATE ROLE kombo_guest LOGIN")
    engine = create_engine(postgres_server.url(postgres_database, user="kombo_guest"), **ENGINE_OPTIONS)
    yield engine
    engine.dispose()
    postgres_server.execute("DROP OWNED BY kombo_guest", database=postgres_database)
    postgres_server.execute("DROP ROLE kombo_guest")


@pytest.mark.parametrize("schema", [None, "kombo"])
def test_a_missing_right_is_answered_with_the_grant_to_paste(
    guest: Engine, postgres_server: PostgresServer, postgres_database: str, schema: str | None
) -> None:
    ledger = Ledger(guest, schema=schema)
    granted: list[str] = []
    for _ in range(3):  # one right after the other
        try:
            ledger.ensure()
            break
        except LedgerRefusedError as exc:
            said = str(exc)
            assert "permission denied for " in said
            grant = "\n".join(line for line in said.splitlines() if line.startswith("GRANT "))
            assert grant not in ["", *granted], "what was pasted helped"
            granted.append(grant)
            postgres_server.execute(grant, database=postgres_database)
    assert granted
    assert ledger.exists()


def test_tables_that_another_role_made_are_answered_with_a_grant(
    guest: Engine, postgres_server: PostgresServer, postgres_database: str
) -> None:
    owner = Ledger(create_engine(postgres_server.url(postgres_database)), schema="kombo")
    owner.ensure()
    owner.close()
    postgres_server.execute("GRANT USAGE ON SCHEMA kombo TO kombo_guest", database=postgres_database)
    with pytest.raises(LedgerRefusedError, match="GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES") as raised:
        Ledger(guest, schema="kombo").ensure()
    for line in str(raised.value).splitlines():
        if line.startswith("GRANT "):
            postgres_server.execute(line, database=postgres_database)
    Ledger(guest, schema="kombo").ensure()


def test_a_full_disk_is_named_as_such_and_is_no_mistake(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/ledger.db", **ENGINE_OPTIONS)
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 2"))
    with pytest.raises(LedgerError, match=r"Its disk is full: make room there; what was committed is safe") as raised:
        Ledger(engine).ensure()
    assert not isinstance(raised.value, LedgerRefusedError)
    engine.dispose()


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("no database at all, but a text " * 20)])
def test_a_path_that_is_no_database_is_refused_for_good(tmp_path: Path, make: object) -> None:
    path = tmp_path / "ledger.db"
    make(path)  # type: ignore[operator]
    ledger = Ledger(create_engine(f"sqlite:///{path}", **ENGINE_OPTIONS))
    with pytest.raises(LedgerRefusedError, match="Correct the path in the connection's host"):
        ledger.ensure()
    ledger.close()


def test_a_folder_that_is_not_there_is_refused_for_good(tmp_path: Path) -> None:
    ledger = Ledger(create_engine(f"sqlite:///{tmp_path}/nowhere/ledger.db", **ENGINE_OPTIONS))
    with pytest.raises(LedgerRefusedError, match="Correct the path in the connection's host"):
        ledger.ensure()


def test_a_database_that_is_not_there_is_refused_for_good_and_a_server_that_is_away_is_not(
    postgres_server: PostgresServer,
) -> None:
    with pytest.raises(LedgerRefusedError, match="Correct the database of the connection"):
        Ledger(create_engine(postgres_server.url("no_such_database"), **ENGINE_OPTIONS)).ensure()
    with pytest.raises(LedgerError, match="See that its server runs") as raised:
        Ledger(create_engine("postgresql+psycopg://postgres@127.0.0.1:1/x", **ENGINE_OPTIONS)).ensure()
    assert not isinstance(raised.value, LedgerRefusedError)
