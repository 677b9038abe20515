"""Statements say who sent them and show no row, and nothing that an id holds gets out of the comment."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import Engine, create_engine, event, make_url, text

from kombo_provider.database import ENGINE_OPTIONS, find_silence, sign_statements


@pytest.fixture
def engine(database_url: str) -> Engine:
    return create_engine(database_url, **ENGINE_OPTIONS)


def _sent(engine: Engine) -> list[str]:
    """Work through all kinds of statements; return them as the driver got them."""
    sent: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(engine, "after_cursor_execute", note)
    with engine.begin() as conn:
        conn.execute(text("CREATE TABLE t (a INTEGER, b TEXT)"))
        conn.execute(text("INSERT INTO t VALUES (:a, :b)"), [{"a": 1, "b": "x"}, {"a": 2, "b": "%s"}])
        assert conn.execute(text("UPDATE t SET b = 'y' WHERE a > 0")).rowcount == 2
        assert conn.execute(text("WITH q AS (SELECT a FROM t) SELECT max(a) FROM q")).scalar() == 2
        streamed = text("SELECT a FROM t").execution_options(stream_results=True)
        assert conn.execute(streamed).all() == [(1,), (2,)]
        conn.execute(text("DROP TABLE t"))
    engine.dispose()
    return sent


def test_every_statement_names_its_dag_run_and_task(engine: Engine) -> None:
    sign_statements(engine, {"dag": "push", "run": "scheduled__2026-11-26T00:00:00+00:00", "task": "g.stage"})
    sent = _sent(engine)
    comment = "/* dag=push, run=scheduled__2026-11-26T00:00:00+00:00, task=g.stage */"
    assert [statement for statement in sent if statement.count(comment) != 1] == []


def test_no_character_of_an_id_ends_the_comment_or_binds_a_value(engine: Engine) -> None:
    hostile = "*/ DROP TABLE t; -- %s %(a)s :a ? \\ \n /* '\" ü \u202e \x00" + "x" * 100_000
    sign_statements(engine, {"dag": hostile, "run": hostile})
    for statement in _sent(engine):
        comment = statement[statement.index("/*") : statement.index("*/") + 2]
        assert comment.startswith("/* dag=___DROP_TABLE_t__--__s___a_s_:a")
        assert len(comment) < 600
        assert "*/" not in statement.replace(comment, "")


def test_outside_of_a_task_statements_stay_as_they_are(engine: Engine) -> None:
    sign_statements(engine, {"dag": "", "run": ""})
    assert [statement for statement in _sent(engine) if "/*" in statement] == []


def test_no_row_and_no_parameter_is_logged_however_much_sqlalchemy_is_told_to_log(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="sqlalchemy.engine"), engine.begin() as conn:
        conn.execute(text("CREATE TABLE people (name TEXT)"))
        conn.execute(text("INSERT INTO people VALUES (:name)"), [{"name": "Zyzzyva"}])
        assert conn.scalars(text("SELECT name FROM people")).all() == ["Zyzzyva"]
        conn.execute(text("DROP TABLE people"))
    engine.dispose()
    assert "SELECT name FROM people" in caplog.text
    assert "Zyzzyva" not in caplog.text


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_connection_to_postgresql_that_goes_silent_is_found_within_two_minutes(
    postgres_url: str, driver: str
) -> None:
    engine = find_silence(create_engine(make_url(postgres_url).set(drivername=f"postgresql+{driver}")))
    with engine.connect() as conn:
        info = conn.connection.driver_connection.info  # type: ignore[union-attr]
        told = info.dsn_parameters if driver == "psycopg2" else info.get_parameters()
    engine.dispose()
    idle, interval, count = (int(told[f"keepalives_{name}"]) for name in ("idle", "interval", "count"))
    assert idle + interval * count <= 120
    assert int(told["tcp_user_timeout"]) <= 120_000
