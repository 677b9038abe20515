"""P7 where PostgreSQL's own message repeats a value: in the SELECT, in the middle of its rows, in the target."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from kombo_sandbox.testing import API_KEY, Sandbox
from tests.e2e.conftest import GREENHOUSE, JOB, MakesPipelines, run_dag
from tests.e2e.readable import Readable, all_logged
from tests.postgres import PostgresServer

NAME, FOREIGN = "Zyzzyvalambda", "Жыззывалямбда"
ROWS = 3_000
PEOPLE = f"""
CREATE TABLE people (
    id integer PRIMARY KEY, name text, mail text UNIQUE,
    kombo_application_id text, kombo_application_remote_id text, kombo_candidate_id text,
    kombo_candidate_remote_id text, kombo_delivered_at timestamptz
);
INSERT INTO people (id, name, mail)
SELECT n, '{NAME} {FOREIGN} ' || n, '{NAME}' || n || '@example.com' FROM generate_series(1, 20) n;
"""
SELECT = f"""
SELECT id AS applicant_id, '{GREENHOUSE}' AS integration_id, '{JOB}' AS job_id, name AS candidate__first_name,
       name AS candidate__last_name, mail AS candidate__email_address
FROM people
"""
RAISES = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'not %, please', NEW.name USING DETAIL = NEW.mail, HINT = NEW.name;
END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON people FOR EACH ROW WHEN (NEW.id % 2 = 0) EXECUTE FUNCTION refuse();
"""
BREAKS_A_RULE = f"""
ALTER TABLE people ADD CHECK (kombo_delivered_at IS NULL OR name NOT LIKE '{NAME}%');
"""


@pytest.fixture
def database(
    postgres_server: PostgresServer, postgres_database: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection]:
    kombo = {"conn_type": "kombo", "host": sandbox.url, "password": API_KEY, "extra": {"timeout_seconds": 20}}
    login = {"host": "127.0.0.1", "port": postgres_server.port, "login": "postgres", "schema": postgres_database}
    monkeypatch.setenv("AIRFLOW_CONN_KOMBO_DEFAULT", json.dumps(kombo))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", json.dumps({"conn_type": "postgres", **login}))
    with psycopg.connect(postgres_server.dsn(postgres_database), autocommit=True) as connection:
        connection.execute(PEOPLE)
        yield connection


@pytest.fixture
def readable(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Readable]:
    with all_logged(caplog):
        yield Readable((NAME, FOREIGN), capfd, caplog)


@pytest.mark.parametrize("from_row", [1, ROWS - 1], ids=["the first row", "a row in the middle"])
def test_a_cast_that_fails_on_a_value(
    database: psycopg.Connection, pipeline: MakesPipelines, readable: Readable, from_row: int
) -> None:
    database.execute(
        f"INSERT INTO people (id, name, mail) SELECT n, '7', 'p' || n FROM generate_series(21, {ROWS}) n;"
        f"UPDATE people SET name = '7' WHERE id <> {from_row}"
    )
    database.execute("UPDATE people SET name = %s WHERE id = %s", (f"{NAME} {FOREIGN}", from_row))
    select = SELECT.replace("FROM people", ", name::integer::text AS candidate__company FROM people")
    run = run_dag(pipeline(extract_sql=select, write_back_table="people", write_back_key="id"))
    assert "The source query (the SELECT in extract_sql) failed" in run.message("stage")
    assert readable.found(run) == []


@pytest.mark.parametrize("rule", [RAISES, BREAKS_A_RULE], ids=["a trigger that quotes the row", "a broken rule"])
def test_a_target_that_refuses_the_ids_with_the_row_in_its_message(
    database: psycopg.Connection, pipeline: MakesPipelines, readable: Readable, rule: str
) -> None:
    database.execute(rule)
    run = run_dag(pipeline(extract_sql=SELECT, write_back_table="people", write_back_key="id"))
    assert run.state == "failed"
    assert database.execute("SELECT count(*) FROM kombo_deliveries WHERE status = 'delivered'").fetchone() == (20,)
    assert readable.found(run) == []
