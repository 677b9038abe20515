"""A table that receives ids, and what tests look at in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from kombo_provider.write_back.write_back import WriteBack, WriteBackReport
from tests.unit.ledger.book import Book

IDS = (
    "kombo_application_id TEXT, kombo_application_remote_id TEXT, kombo_candidate_id TEXT, "
    "kombo_candidate_remote_id TEXT"
)


def columns(engine: Engine) -> str:
    """Return the five columns that are written, as DDL."""
    kind = {"postgresql": "TIMESTAMPTZ", "mysql": "DATETIME(6)"}.get(engine.dialect.name, "TIMESTAMP")
    return f"{IDS}, kombo_delivered_at {kind}"


def run(engine: Engine, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements; return the last one's rows."""
    with engine.connect() as conn:
        if engine.dialect.name == "mysql":
            conn.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES,PIPES_AS_CONCAT')")
        for statement in statements:
            result = conn.exec_driver_sql(statement)
        rows = [tuple(row) for row in result] if result.returns_rows else []
        conn.commit()
        if engine.dialect.name == "mysql":
            conn.exec_driver_sql("SET SESSION sql_mode = DEFAULT")
        return rows


def text_of(engine: Engine, column: str) -> str:
    """Return the expression for a column as text."""
    return f"CAST({column} AS {'CHAR' if engine.dialect.name == 'mysql' else 'TEXT'})"


def make(engine: Engine, key: str = "id TEXT", *values: str, table: str = "people") -> None:
    """Make the table with these keys."""
    run(engine, f"CREATE TABLE {table} ({key}, {columns(engine)})")
    name = key.split()[0]
    for value in values:
        run(engine, f"INSERT INTO {table} ({name}) VALUES ({value})")


def write(engine: Engine, book: Book, table: str = "people", key: Any = "id", **more: Any) -> WriteBackReport:
    """Write back what there is."""
    return WriteBack(engine, table, key).run(book.ledger, "crm.applicants", **more)


def ids(engine: Engine, key: str = "id", table: str = "people") -> list[tuple[Any, ...]]:
    """Return the key as text and the application id of each row, in the key's order."""
    return run(engine, f"SELECT {text_of(engine, key)}, kombo_application_id FROM {table} ORDER BY 1")


def instant(value: Any) -> datetime:
    """Return a stored instant; SQLite's is text, and naive ones are in UTC."""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
