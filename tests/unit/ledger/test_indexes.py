"""No statement of an hourly run looks at the whole ledger, or at the whole source: how each is run, from its plan."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event

from kombo_provider.client import KomboClient
from kombo_provider.database import ENGINE_OPTIONS
from kombo_provider.ledger import (
    DeliveryKey,
    LaneState,
    Ledger,
    RunRef,
    asking,
    doubts,
    forgotten,
    lane_states,
    leases,
    left,
    staging,
)
from kombo_provider.ledger._run_tables import alerts, runs
from kombo_provider.ledger.selection import Selection
from kombo_provider.ledger.staging import Staging
from kombo_provider.operators.settings import WatchSettings
from kombo_provider.operators.watch import AirflowSide
from kombo_provider.report import history, numbers
from kombo_provider.sending.deliver import deliver
from kombo_provider.sending.options import SendOptions
from kombo_provider.source.reader import SourceReader
from kombo_provider.staging.stage import StageOptions, stage
from kombo_provider.staging.stager import MappingOptions
from kombo_provider.watch.watch import watch
from kombo_provider.write_back.write_back import WriteBack
from kombo_sandbox.testing import API_KEY, SandboxProcess
from tests.unit.ledger.book import GRACE

HISTORY, NEW = 20_000, 30
FEW = 1_000
"""Rows that a statement of a run with 30 new ones may look at, in tables with twenty or forty thousand."""

NOW = datetime.now(UTC)
RUN = RunRef("push", "scheduled__now")
SOURCE, CONNECTION = "crm.people", "kombo_default"
INTEGRATION = "greenhouse:4bTqXnR8vKc2LmYw7HdPz3Js"
SELECT = (
    f"SELECT id AS applicant_id, '{INTEGRATION}' AS integration_id, 'remote:1203' AS job_id, changed AS changed_at, "
    "'Ada' AS candidate__first_name, 'Lovelace' AS candidate__last_name, "
    "'ada-' || id || '@example.com' AS candidate__email_address FROM people"
)
_TABLES = ("kombo_deliveries", "kombo_delivery_events", "kombo_runs", "kombo_alerts", "people")
_IDS = ("application_id", "application_remote_id", "candidate_id", "candidate_remote_id")


class Plans:
    """Explains each statement of some engines, in the state in which it is about to run."""

    def __init__(self) -> None:
        self.statements: set[str] = set()
        self.whole_tables: list[str] = []

    def watch(self, engine: Engine) -> Engine:
        event.listen(engine, "before_cursor_execute", self._explain)
        return engine

    def _explain(
        self, conn: Connection, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        named = any(re.search(rf"\b{table}\b", statement) for table in _TABLES)
        if _EXISTENCE.match(statement) or "WHERE 1 = 0" in statement:
            return
        if not named or not statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH", "CREATE TEMP TABLE")):
            return
        self.statements.add(statement)
        look = _of_sqlite if conn.dialect.name == "sqlite" else _of_postgresql
        for step in look(cursor.connection.cursor(), statement, parameters[0] if many else parameters):
            self.whole_tables.append(f"{step}\n    in {statement}")


_EXISTENCE = re.compile(r"(?!.*ORDER BY).*\bLIMIT \S+( OFFSET \S+)?$", re.DOTALL)
"""The first row ends it, and wherever it is asked in each run there is one."""

_LARGE = re.compile(r"people|one|(kombo_deliveries|kombo_delivery_events|kombo_runs|kombo_alerts)(_\d+)?")


def _of_sqlite(cursor: Any, statement: str, parameters: Any) -> Iterator[str]:
    """Yield the steps that go through a table, through an index of all its rows, or through all rows of a source."""
    partial = {
        row[0] for row in cursor.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'")
    }
    for _, _, _, step in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall():
        kind, name, *_ = f"{step} ".split(" ")
        index = re.search(r"INDEX (\w+)", step)
        if index and index[1] in partial:
            continue
        if (kind == "SCAN" and _LARGE.fullmatch(name)) or (kind == "SEARCH" and step.endswith("(source=?)")):
            yield step


def _of_postgresql(cursor: Any, statement: str, parameters: Any) -> Iterator[str]:
    """Yield the steps that look at more than a few rows: the planner knows the tables' sizes, and is honest."""
    if statement.startswith("CREATE"):
        return
    cursor.execute("SAVEPOINT explained")
    cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
    nodes = [cursor.fetchone()[0][0]["Plan"]]
    cursor.execute("ROLLBACK TO explained")
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", ())
        seen = sum(node.get(what, 0) for what in _SEEN) * node["Actual Loops"]
        if "Relation Name" in node and seen > FEW:
            yield f"{node['Node Type']} of {node['Relation Name']}: {seen} rows"


_SEEN = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")


def _fill(conn: Connection, *, analyzed: bool) -> None:
    """Make a history of delivered rows, one of each other kind among them, and the source that they came from."""
    kind = "TIMESTAMPTZ" if conn.dialect.name == "postgresql" else "TIMESTAMP"
    ids = ", ".join(f"kombo_{name} TEXT" for name in _IDS)
    conn.exec_driver_sql(f"CREATE TABLE people (id TEXT PRIMARY KEY, changed {kind}, {ids}, kombo_delivered_at {kind})")
    conn.exec_driver_sql("CREATE INDEX people_changed ON people (changed)")
    mark = "%s" if conn.dialect.name == "postgresql" else "?"
    past = [(f"old-{n}", NOW - timedelta(days=40, minutes=n)) for n in range(HISTORY)]
    stamps = [(name, at if kind == "TIMESTAMPTZ" else at.isoformat(" ")[:19]) for name, at in past]
    conn.exec_driver_sql(
        f"INSERT INTO people (id, changed, kombo_application_id) VALUES ({mark}, {mark}, 'app')",
        stamps,
    )
    conn.exec_driver_sql(
        "INSERT INTO kombo_deliveries (source, integration_id, applicant_id, status, kombo_conn_id, endpoint, "
        "payload_sha256, kombo_application_id, kombo_application_remote_id, kombo_candidate_id, "
        "kombo_candidate_remote_id, resolution, attempts, changed_at, staged_at, sent_at, finished_at, "
        f"written_back_at, dag_id, run_id) SELECT '{SOURCE}', '{INTEGRATION}', id, 'delivered', '{CONNECTION}', "
        "'application', 'x', 'app-' || id, 'r', 'c', 'r', 'response', 1, changed, changed, changed, changed, changed, "
        "'push', 'run-' || substr(id, 1, 6) FROM people"
    )
    for before, after in (("ready", "sending"), ("sending", "delivered")):
        conn.exec_driver_sql(
            "INSERT INTO kombo_delivery_events (source, integration_id, applicant_id, from_status, to_status, at, "
            "dag_id, run_id, actor, duration_ms) SELECT source, integration_id, applicant_id, "
            f"'{before}', '{after}', sent_at, dag_id, run_id, 'delivery', 100 FROM kombo_deliveries"
        )
    new = [(f"new-{n}", NOW if kind == "TIMESTAMPTZ" else NOW.isoformat(" ")[:19]) for n in range(NEW)]
    conn.exec_driver_sql(f"INSERT INTO people (id, changed) VALUES ({mark}, {mark})", new)
    for table in _TABLES if analyzed else ():
        conn.exec_driver_sql(f"ANALYZE {table}")


@pytest.fixture(params=[True, False], ids=["analyzed", "never analyzed"])
def ledger_with_history(open_ledger: Callable[[], Ledger], request: pytest.FixtureRequest) -> Ledger:
    """A ledger with many deliveries, and a source that was read up to an hour ago.

    PostgreSQL analyzes its tables by itself, SQLite never does.
    """
    ledger = open_ledger()
    if ledger.dialect == "postgresql" and not request.param:
        pytest.skip("autovacuum analyzes")
    ledger.ensure()
    with ledger.transaction() as conn:
        _fill(conn, analyzed=request.param)
        staging.lock_source(conn, SOURCE)
        staging.move_watermark(conn, SOURCE, NOW - timedelta(hours=1))
        staging.note_sweep(conn, SOURCE)
    return ledger


def test_no_statement_of_an_hourly_run_grows_with_the_ledger(ledger_with_history: Ledger, database_url: str) -> None:
    plans, ledger = Plans(), ledger_with_history
    plans.watch(ledger.engine)
    warehouse = plans.watch(create_engine(database_url, **ENGINE_OPTIONS))
    write_back, selection = WriteBack(warehouse, "people", "id"), Selection(SOURCE, CONNECTION)
    whom = Staging(SOURCE, CONNECTION, "application", RUN)
    with ledger.transaction() as conn:
        for name in ("a", "b"):
            forgotten.note_delivery(conn, DeliveryKey(SOURCE, "greenhouse:a", name))
    options = StageOptions(
        staging=whom,
        mapping=MappingOptions(),
        scheduled=True,
        interval=(NOW - timedelta(hours=1), NOW + timedelta(minutes=1)),
        resend_in_doubt=True,
    )
    reader = SourceReader(warehouse, SELECT, where="test.sql")
    with SandboxProcess() as sandbox:
        client = KomboClient(api_key=API_KEY, base_url=sandbox.url)
        staged = stage(ledger, reader, options, selection=selection, target=write_back)
        with ledger.transaction() as conn:
            left.goes_on(conn, selection, RUN, staged.integration_ids)
        sending = SendOptions(RUN, "task", 10, 60.0)
        deliver(
            ledger, client, selection, sending, staged.integration_ids, stop=threading.Event(), read_file=str.encode
        )
        client.close()
    write_back.run(ledger, SOURCE, run=RUN)
    report = numbers.read(ledger, SOURCE, CONNECTION, RUN, numbers.HandedOver(counts=staged.counts))
    history.keep(ledger, SOURCE, report)
    _look_after_doubts(ledger)
    warehouse.dispose()
    assert report.totals == {"delivered": NEW}, staged.counts
    assert len(plans.statements) > 20, "statements were looked at"
    assert not plans.whole_tables, "\n".join(plans.whole_tables)


def _look_after_doubts(ledger: Ledger) -> None:
    """Do what the DAGs beside the push do in the same hour."""
    timeout = timedelta(seconds=300)
    with ledger.transaction() as conn:
        leases.sweep(conn)
        doubts.to_look_up(conn, SOURCE, CONNECTION, 10)
        for integration_id in asking.integrations_to_ask(conn, SOURCE, timeout):
            asking.ask_again_after(conn, asking.to_ask(conn, SOURCE, integration_id, timeout), timeout)
        doubts.order_automatic_resends(conn, SOURCE, timeout, RUN)
        doubts.give_up(conn, doubts.in_doubt(conn, SOURCE), GRACE)


RUNS, LANES = 2_400, 7


def _fill_history_of_watches(conn: Connection) -> None:
    """Make a hundred days of hourly runs, and as many alerts that were told and are over."""
    begins = [NOW - timedelta(hours=hours) for hours in range(RUNS)]
    whose = {"source": SOURCE, "kombo_conn_id": CONNECTION}
    conn.execute(
        runs.insert(),
        [
            {
                **whose,
                "dag_id": "push",
                "run_id": f"scheduled__{at}",
                "integration_id": f"lever:{lane}" if lane else "",
                "counts": '{"extracted": 100, "new": 5}',
                "began_at": at,
                "ended_at": at,
            }
            for at in begins
            for lane in range(LANES + 1)
        ],
    )
    over = {"condition": "lane", "text": "x", "told_at": NOW, "resolved_at": NOW, "resolution_told_at": NOW}
    conn.execute(
        alerts.insert(),
        [
            {**whose, **over, "integration_id": f"lever:{lane}", "dag_id": "", "raised_at": at}
            for at in begins
            for lane in range(LANES)
        ],
    )


def test_no_statement_of_a_watch_grows_with_the_ledger(ledger_with_history: Ledger) -> None:
    plans, ledger = Plans(), ledger_with_history
    with ledger.transaction() as conn:
        _fill_history_of_watches(conn)
        lane_states.locked_lane(conn, CONNECTION, INTEGRATION)
        for table in ("kombo_runs", "kombo_alerts"):
            conn.exec_driver_sql(f"ANALYZE {table}")
    plans.watch(ledger.engine)
    heard: list[str] = []
    watching: dict[str, Any] = {
        "airflow": AirflowSide(None),
        "notifiers": {"test": lambda message: heard.append(message.headline)},
    }
    for state in (LaneState.BLOCKED, LaneState.OPEN):
        with ledger.transaction() as conn:
            lane_states.set_state(conn, CONNECTION, INTEGRATION, state)
        watch(ledger, CONNECTION, WatchSettings().limits, **watching)
    assert len(heard) == 2, heard
    assert len(plans.statements) > 10, "statements were looked at"
    assert not plans.whole_tables, "\n".join(plans.whole_tables)
