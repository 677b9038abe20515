"""A whole run of a push DAG that sends thirty rows, Airflow included, on a small and on a big ledger."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from sqlalchemy import create_engine, make_url, text

from bench import applicants
from bench.measuring import DAGS, Contender, compare, run_in_own_airflow
from bench.ours import CONNECTION
from bench.writing_back import SERIES
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import Ledger
from kombo_provider.ledger.kombo_ids import ID_COLUMNS
from kombo_sandbox.testing import API_KEY

NEW_ROWS, LANES = 30, 100
_DELIVERIES = f"""
INSERT INTO kombo_deliveries (source, integration_id, applicant_id, status, kombo_conn_id, endpoint, payload_sha256,
    kombo_application_id, kombo_application_remote_id, kombo_candidate_id, kombo_candidate_remote_id, attempts,
    staged_at, sent_at, finished_at, written_back_at)
SELECT '{applicants.SOURCE}', '{applicants.INTEGRATION}' || n % {LANES}, 'old ' || n, 'delivered', '{CONNECTION}',
    'application', 'x', 'a' || n, 'b' || n, 'c' || n, 'd' || n, 1,
    CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP
FROM ({{series}}) AS numbers
"""
_EVENTS = """
INSERT INTO kombo_delivery_events (source, integration_id, applicant_id, from_status, to_status, at, dag_id, run_id)
SELECT source, integration_id, applicant_id, '{before}', '{after}', staged_at, 'push', 'old'
FROM kombo_deliveries
"""


def fill(url: str, rows: int) -> None:
    """Fill a ledger with deliveries that are done, each with two events, and put an empty table of people beside it."""
    ledger = Ledger(create_engine(url, **ENGINE_OPTIONS))
    ledger.ensure()
    series = SERIES[ledger.engine.dialect.name]
    instant = "TIMESTAMPTZ" if ledger.engine.dialect.name == "postgresql" else "TIMESTAMP"
    columns = ", ".join(f"{name} TEXT" for name in applicants.COLUMNS)
    with ledger.transaction() as conn:
        conn.execute(text(_DELIVERIES.format(series=series)), {"rows": rows})
        conn.execute(text(_EVENTS.format(before="ready", after="sending")))
        conn.execute(text(_EVENTS.format(before="sending", after="delivered")))
        written = ", ".join(f"{name} TEXT" for name in ID_COLUMNS)
        conn.execute(text(f"CREATE TABLE people ({columns}, {written}, kombo_delivered_at {instant})"))
    with ledger.engine.connect() as conn:
        conn.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    ledger.close()


def measure(databases: dict[str, str], sandbox_url: str, repetitions: int) -> dict[str, dict[str, Any]]:
    """Return the figures of a run on each ledger; `databases` has the ledgers' URLs by name.

    `dag.test()` runs all tasks in one process, one after the other; what Airflow needs to start is not in the figures.
    """
    settings = {
        "AIRFLOW_CONN_KOMBO_DEFAULT": json.dumps({"conn_type": "kombo", "host": sandbox_url, "password": API_KEY}),
        "KOMBO_BENCH_LEDGERS": " ".join(databases),
        **{f"AIRFLOW_CONN_{name.upper()}": _connection(url) for name, url in databases.items()},
    }
    figures: dict[str, dict[str, Any]] = run_in_own_airflow(
        "bench.hourly", (json.dumps(databases), str(repetitions)), settings
    )
    return figures


def _connection(url: str) -> str:
    parsed = make_url(url)
    kind = "postgres" if parsed.get_backend_name() == "postgresql" else "sqlite"
    described = {"conn_type": kind, "host": parsed.host, "port": parsed.port, "login": parsed.username}
    place = {"host": parsed.database} if kind == "sqlite" else {"schema": parsed.database}
    return json.dumps(described | place)


def _run_dags(databases: dict[str, str], repetitions: int) -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    dags = DagBag(str(DAGS / "hourly.py"), collect_dags=True).dags

    def contender(name: str) -> Contender:
        def prepare() -> Callable[[], None]:
            _replace_people(databases[name])
            return run

        def run() -> None:
            ended = dags[f"push_{name}"].test()
            if str(ended.state) != "success":
                raise RuntimeError(f"a run ended as {ended.state}")

        return prepare

    contenders = {name: contender(name) for name in databases}
    compare(contenders, 1)  # the first run of all imports what the others find
    print(json.dumps({name: figure.as_json() for name, figure in compare(contenders, repetitions).items()}))


def _replace_people(url: str) -> None:
    engine = create_engine(url, **ENGINE_OPTIONS)
    names = ", ".join(f":{name}" for name in applicants.COLUMNS)
    with engine.begin() as conn:
        conn.execute(text("DELETE FROM people"))
        stamp = os.urandom(4).hex()
        rows = [(f"{stamp}-{row[0]}", *row[1:]) for row in applicants.rows(NEW_ROWS)]
        insert = text(f"INSERT INTO people ({', '.join(applicants.COLUMNS)}) VALUES ({names})")
        conn.execute(insert, [dict(zip(applicants.COLUMNS, row, strict=True)) for row in rows])
    engine.dispose()


if __name__ == "__main__":
    _run_dags(json.loads(sys.argv[1]), int(sys.argv[2]))
