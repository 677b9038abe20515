"""A table that receives ids, and what tests look at in it."""

from __future__ import annotations

from datetime import datetime
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
    return f"{IDS}, kombo_delivered_at {'TIMESTAMPTZ' if engine.dialect.name == 'postgresql' else 'TIMESTAMP'}"


def run(engine: Engine, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements; return the last one's rows."""
    with engine.begin() as conn:
        for statement in statements:
            result = conn.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


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
    return run(engine, f"SELECT CAST({key} AS TEXT), kombo_application_id FROM {table} ORDER BY 1")


def instant(value: Any) -> datetime:
    """Return a stored instant; SQLite's is naive text in UTC."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(f"{value}+00:00")
