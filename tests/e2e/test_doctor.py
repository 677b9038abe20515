"""`airflow kombo doctor` finds what would stop a run, says what to do, sends nothing and leaves nothing behind."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from kombo_sandbox.testing import Sandbox
from tests.e2e.conftest import GREENHOUSE, MakesPipelines, Warehouse, connect, run_dag
from tests.postgres import PostgresServer

PUSH = "kombo_push_applicants"


def doctor(capsys: pytest.CaptureFixture[str], dag_id: str = PUSH) -> tuple[bool, dict[str, list[str]]]:
    """Return whether it is content, and the findings by result."""
    from kombo_provider.cli.checking import doctor as command

    capsys.readouterr()
    content = True
    try:
        command(Namespace(dag_id=dag_id, output="json", verbose=False))
    except SystemExit:
        content = False
    found: dict[str, list[str]] = {"ok": [], "warning": [], "problem": []}
    for finding in json.loads(capsys.readouterr().out):
        found[finding["result"]].append(f"{finding['about']}: {finding['finding']}")
    assert content == (not found["problem"])
    return content, found


def test_it_is_content_with_a_deployment_that_works_and_leaves_no_trace(
    warehouse: Warehouse, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1)
    content, found = doctor(capsys)
    assert content, found["problem"]
    told = "\n".join(found["ok"])
    for words in ("The API key works", "can make its tables", "1 rows were looked at", GREENHOUSE, "can take the ids"):
        assert words in told
    assert sandbox.creates() == {}
    assert warehouse.execute("SELECT name FROM sqlite_master WHERE name LIKE 'kombo_%'") == []
    run_dag()
    content, found = doctor(capsys)
    assert content
    assert "Its tables are there." in "\n".join(found["ok"])


def test_rows_that_would_be_left_out_are_a_warning_without_a_value(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1, candidate__email_address="secret@nowhere", changed_at=None)
    warehouse.add(2, applicant_id=None, changed_at=None)
    content, found = doctor(capsys)
    told = "\n".join(found["warning"])
    assert content
    assert "candidate__email_address: 1 of 2 rows" in told
    assert "applicant_id: 1 of 2 rows: is empty" in told
    assert "changed_at: No row has one" in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"extract_sql": "SELECT applicant_id, gone FROM applicants"}, "no such column"),
        ({"extract_sql": "SELECT applicant_id, job_id FROM applicants"}, "lacks integration_id"),
        ({"extract_sql": "SELECT a.*, 1 AS candidate__frist_name FROM applicants a"}, "no field of Kombo's"),
        ({"extract_sql": "SELECT applicant_id,, job_id FROM applicants"}, "syntax error"),
        ({"extract_sql": "missing.sql"}, "no such file"),
        ({"write_back_table": "nowhere"}, "no table nowhere"),
        ({"write_back_key": "nokey"}, "no column nokey"),
        ({"write_back_key": "candidate__first_name"}, "keys of the SELECT stands in applicants"),
        ({"kombo_conn_id": "unknown"}, "no Airflow connection 'unknown'"),
        ({"warehouse_conn_id": "unknown"}, "no Airflow connection 'unknown'"),
        ({"default_args": {"execution_timeout": timedelta(minutes=10)}}, "execution_timeout"),
        ({"dagrun_timeout": timedelta(minutes=10)}, "dagrun_timeout"),
    ],
)
def test_what_would_stop_a_run_is_a_problem(
    warehouse: Warehouse,
    pipeline: MakesPipelines,
    capsys: pytest.CaptureFixture[str],
    arguments: dict[str, Any],
    told: str,
) -> None:
    warehouse.add(1)
    content, found = doctor(capsys, pipeline(**arguments))
    assert not content
    assert told in "\n".join(found["problem"])


def test_missing_columns_come_with_the_alter_to_paste(warehouse: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    warehouse.execute("ALTER TABLE applicants DROP COLUMN kombo_delivered_at")
    _, found = doctor(capsys)
    assert "ALTER TABLE applicants ADD COLUMN kombo_delivered_at" in "\n".join(found["problem"])


def test_a_wrong_key_and_an_integration_that_kombo_does_not_know_are_problems(
    warehouse: Warehouse, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(1)
    sandbox.config(integrations=["lever:another"])
    _, found = doctor(capsys)
    assert f"integrations: {GREENHOUSE}: " in "\n".join(found["problem"])
    connect(monkeypatch, sandbox.url, warehouse.path, key="wrong")
    _, found = doctor(capsys)
    assert "connection kombo_default" in "\n".join(found["problem"])


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT", "600", "Set it to 3600 or more"),
        ("AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE", "5", "Set it to 20 or more"),
        ("AIRFLOW__CORE__MAX_MAP_LENGTH", "16", "Set it to 64 or more"),
    ],
)
def test_settings_of_airflow_that_would_hurt_are_problems(
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    told: str,
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", "redis://localhost:6379/0")
    monkeypatch.setenv(variable, value)
    _, found = doctor(capsys)
    assert told in "\n".join(found["problem"])


def test_a_missing_right_comes_with_the_grant_and_nothing_is_made(
    warehouse: Warehouse,
    postgres_server: PostgresServer,
    postgres_database: str,
    pipeline: MakesPipelines,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    postgres_server.execute("DROP ROLE IF EXISTS doctored; CREATE ROLE doctored LOGIN")
    url = f"postgresql://doctored@127.0.0.1:{postgres_server.port}/{postgres_database}"
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", url)
    dag_id = pipeline(ledger_conn_id="ledger", ledger_schema="kombo")
    _, found = doctor(capsys, dag_id)
    assert f"GRANT CREATE ON DATABASE {postgres_database} TO doctored;" in "\n".join(found["problem"])
    postgres_server.execute(f"GRANT CREATE ON DATABASE {postgres_database} TO doctored")
    content, found = doctor(capsys, dag_id)
    assert content, found["problem"]
    engine = create_engine(postgres_server.url(postgres_database))
    with engine.connect() as conn:
        assert conn.execute(text("SELECT nspname FROM pg_namespace WHERE nspname = 'kombo'")).all() == []
    engine.dispose()


def test_a_folder_that_takes_no_ledger_is_a_problem(
    warehouse: Warehouse,
    pipeline: MakesPipelines,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "missing" / "ledger.db"
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    _, found = doctor(capsys, pipeline(ledger_conn_id="ledger"))
    assert "its file cannot be made" in "\n".join(found["problem"])
