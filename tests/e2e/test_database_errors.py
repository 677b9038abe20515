"""A database that cannot be used is named in `stage` by its Airflow connection, with what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import MakesPipelines, Warehouse, run_dag
from tests.postgres import PostgresServer

ADA = "ada@example.com"


def _postgres(server: PostgresServer, **given: Any) -> str:
    connection = {"conn_type": "postgres", "host": "127.0.0.1", "port": server.port, "login": "postgres"}
    return json.dumps(connection | given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"schema": "no_such_database"}, "Correct the database of the connection"),
        ({"login": "nobody_here", "schema": "postgres"}, "Correct login and password of the connection"),
        ({"host": "no-such-host.invalid", "schema": "postgres"}, "Correct the host of the connection"),
        ({"port": 1, "schema": "postgres"}, "See that its server runs"),
    ],
)
def test_a_warehouse_that_cannot_be_connected_to(
    warehouse: Warehouse,
    pipeline: MakesPipelines,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, Any],
    words: str,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", _postgres(postgres_server, **given))
    run = run_dag(pipeline(warehouse_conn_id="away"))
    assert run.state == "failed"
    assert "on connection 'away'" in run.message("stage")
    assert words in run.message("stage")
    ledger_elsewhere = run_dag(pipeline(warehouse_conn_id="away", ledger_conn_id="warehouse_default"))
    said = ledger_elsewhere.message("stage")
    assert "on connection 'away'" in said
    assert words in said
    assert "safe in the ledger" not in said


def test_a_cast_that_meets_a_value_fails_without_it(
    warehouse: Warehouse, pipeline: MakesPipelines, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse.add(1, candidate__email_address=ADA)
    columns = "applicant_id, integration_id, job_id, changed_at, candidate__first_name, candidate__email_address"
    select = f"SELECT {columns}, json_extract('{{% raw %}}{{}}{{% endraw %}}', '$[' || candidate__email_address)"
    run = run_dag(pipeline(extract_sql=f"{select} AS candidate__last_name FROM applicants", write_back_table=None))
    assert run.state == "failed"
    assert "SQLITE_ERROR" in run.message("stage")
    assert ADA not in caplog.text + repr(run.errors)
