"""PgBouncer in transaction pooling: no statement meets another's name, and no setting of ours reaches other users."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, event, text

from kombo_provider.database import ENGINE_OPTIONS, find_silence
from kombo_sandbox.testing import Sandbox
from tests.postgres import PostgresServer
from tests.reliability.pgbouncer import PROGRAM, PgBouncer
from tests.reliability.three_lanes import INTEGRATIONS, ROWS, ThreeLanes

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="needs PgBouncer (Debian and Ubuntu: apt-get install pgbouncer)"
)


@pytest.fixture
def pooled(postgres_server: PostgresServer, postgres_database: str) -> Iterator[str]:
    """What follows the driver's name in the URL of a database behind the pooler."""
    with PgBouncer(postgres_server) as pooler:
        yield f"postgres@127.0.0.1:{pooler.port}/{postgres_database}"


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_rows_are_sent_through_a_pooler_without_one_failed_statement(pooled: str, driver: str) -> None:
    engine = find_silence(create_engine(f"postgresql+{driver}://{pooled}", **ENGINE_OPTIONS))
    failures: list[str] = []
    event.listen(engine, "handle_error", lambda context: failures.append(str(context.original_exception)))
    with Sandbox(latency_seconds=0.02) as sandbox:
        lanes = ThreeLanes(sandbox, engine)
        _take_names_of_statements(pooled)
        before = _settings_of_others(pooled)
        assert lanes.deliver().problems == []
        assert set(sandbox.creates().values()) == {1}
    assert failures == []
    assert [lanes.statuses(name) for name in INTEGRATIONS] == [{"delivered": ROWS}] * 3
    assert _settings_of_others(pooled) == before
    engine.dispose()


def _take_names_of_statements(pooled: str) -> None:
    """Prepare statements on both connections under the names that psycopg gives to its own."""
    engine = create_engine(f"postgresql+psycopg2://{pooled}")
    with engine.begin() as first, engine.begin() as second:
        for conn in (first, second):
            for number in range(50):
                conn.exec_driver_sql(f"PREPARE _pg3_{number} AS SELECT 1")
    engine.dispose()


def _settings_of_others(pooled: str) -> list[tuple[str, ...]]:
    """What a client of somebody else's finds on the pooler's connections."""
    names = ("synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone", "DateStyle")
    query = text("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    engine = create_engine(f"postgresql+psycopg2://{pooled}")
    with engine.connect() as first, engine.connect() as second:
        found = [tuple(conn.execute(query).one()) for conn in (first, second)]
    engine.dispose()
    return found
