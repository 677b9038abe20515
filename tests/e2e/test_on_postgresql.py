"""A stranger's tables on PostgreSQL, with native types, through Airflow."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from kombo_sandbox.testing import Sandbox
from tests.e2e.airflow_runs import run_dag
from tests.e2e.conftest import MakesPipelines
from tests.postgres import PostgresServer

INTEGRATIONS = [f"ats{number}:4bTqXnR8vKc2LmYw7HdPz3J{number}" for number in range(5)]
PEOPLE = """
CREATE SCHEMA crm;
CREATE TYPE crm.period AS ENUM ('MONTH', 'YEAR');
CREATE TABLE crm.people (
    "Id" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    ats_key text, opening bigint, "Given Name" varchar(80), family char(40), mail text, links jsonb,
    born_free date, wants numeric(12, 2), per crm.period, loaded timestamptz DEFAULT now(), number serial,
    kombo_application_id text, kombo_application_remote_id text, kombo_candidate_id text,
    kombo_candidate_remote_id text, kombo_delivered_at timestamptz
)
"""
SELECT_PEOPLE = """
SELECT "Id" AS applicant_id, ats_key AS integration_id, 'remote:' || opening AS job_id, loaded AS changed_at,
       "Given Name" AS candidate__first_name, family AS candidate__last_name, mail AS candidate__email_address,
       links AS candidate__social_links, born_free AS candidate__availability_date,
       wants AS candidate__salary_expectations__amount, per AS candidate__salary_expectations__period
FROM crm.people WHERE mail NOT LIKE 'test%' -- a comment at the end
"""


class People:
    """The stranger's table."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def run(self, sql: str, parameters: Any = None) -> list[Any]:
        with psycopg.connect(self._dsn) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        with psycopg.connect(self._dsn) as connection, connection.cursor() as cursor:
            cursor.executemany(
                'INSERT INTO crm.people (ats_key, opening, "Given Name", family, mail, links, born_free, wants, per)'
                " VALUES (%s, %s, %s, %s, %s, %s, '2027-01-15', 52000.50, 'YEAR')",
                rows,
            )


@pytest.fixture
def people(
    postgres_server: PostgresServer, postgres_database: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> People:
    kombo = {"conn_type": "kombo", "host": sandbox.url, "password": "sandbox-key", "extra": {"timeout_seconds": 20}}
    warehouse = {
        "conn_type": "postgres",
        "host": "127.0.0.1",
        "port": postgres_server.port,
        "login": "postgres",
        "schema": postgres_database,
    }
    monkeypatch.setenv("AIRFLOW_CONN_KOMBO_DEFAULT", json.dumps(kombo))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DEFAULT", json.dumps(warehouse))
    people = People(postgres_server.dsn(postgres_database))
    people.run(PEOPLE)
    return people


def test_a_thousand_rows_on_five_integrations_are_delivered_once_and_add_up(
    people: People, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    link = json.dumps([{"url": "https://example.com/p"}])
    rows: list[tuple[Any, ...]] = [
        (INTEGRATIONS[n % 5], n % 7, f"Zoë {n}", "Müller", f"p{n}@example.com", link) for n in range(1000)
    ]
    rows[10] = (*rows[10][:4], "not an address", link)
    rows[20] = (*rows[20][:5], json.dumps({"url": "not a list"}))
    rows[30] = (None, *rows[30][1:])
    people.add(rows)
    dag_id = pipeline(
        source="crm.people",
        extract_sql=SELECT_PEOPLE,
        write_back_table="crm.people",
        write_back_key={"applicant_id": "Id", "integration_id": "ats_key"},
        ledger_schema="kombo ledger",
    )
    run = run_dag(dag_id)
    assert run.state == "success", run.errors
    counts = run.counts
    assert counts.pop("extracted") == people.run("SELECT count(*) FROM crm.people")[0][0] == 1000
    assert counts == {"new": 997, "invalid": 2, "without_key": 1}
    creates = sandbox.creates()
    assert (len(creates), set(creates.values())) == (997, {1})
    assert [str(name).rpartition(": ")[0] for name in run.names_of_mapped("deliver")] == INTEGRATIONS
    assert people.run(
        'SELECT count(*) FROM crm.people p JOIN "kombo ledger".kombo_applicant_ids k ON k.applicant_id = p."Id"::text'
        " AND k.kombo_application_id = p.kombo_application_id AND k.delivered_at = p.kombo_delivered_at"
    ) == [(997,)]
    report = run.xcom("report")
    assert report["by_status"] == {"delivered": 997, "invalid": 2}
    again = run_dag(dag_id)
    assert again.counts == {"extracted": 1000, "already_known": 999, "without_key": 1}
    assert sandbox.creates() == creates


def test_two_sources_with_overlapping_ids_are_both_delivered(
    people: People, sandbox: Sandbox, pipeline: MakesPipelines
) -> None:
    people.add([(INTEGRATIONS[0], 1, "Ada", "Lovelace", f"p{n}@example.com", None) for n in range(20)])
    select = SELECT_PEOPLE.replace('"Id" AS', "number AS")
    for source, job in (("crm.people", "remote:"), ("crm.agency", "remote:agency-")):
        dag_id = pipeline(
            source=source,
            extract_sql=select.replace("'remote:'", f"'{job}'"),
            write_back_table=None,
        )
        assert run_dag(dag_id).state == "success"
    creates = sandbox.creates()
    assert (len(creates), set(creates.values())) == (40, {1})
    assert people.run(
        "SELECT source, count(*) FROM kombo_deliveries WHERE status = 'delivered' GROUP BY 1 ORDER BY 1"
    ) == [
        ("crm.agency", 20),
        ("crm.people", 20),
    ]
