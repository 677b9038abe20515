"""Short words for reading a SELECT."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Engine

from kombo_provider.mapping import MappedRow, RowMapper
from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Window

KEYS = "'1' AS applicant_id, 'greenhouse:a' AS integration_id, 'job' AS job_id"
NAMES = "'Ada' AS candidate__first_name, 'L' AS candidate__last_name, 'a@b.co' AS candidate__email_address"


def run(engine: Engine, *statements: str) -> None:
    """Run statements."""
    with engine.begin() as conn:
        for statement in statements:
            conn.exec_driver_sql(statement)


def read(engine: Engine, sql: str, window: Window | None = None) -> list[dict[str, Any]]:
    """Return the rows of a SELECT, as the mapping gets them."""
    with SourceReader(engine, sql, where="test.sql").open() as source:
        rows: list[dict[str, Any]] = []
        for frame in source.frames(window or Window()):
            records: list[Any] = frame.to_dict("records")
            rows += records
        return rows


def mapped(engine: Engine, sql: str, window: Window | None = None) -> list[MappedRow]:
    """Return the rows of a SELECT, mapped."""
    with SourceReader(engine, sql, where="test.sql").open() as source:
        mapper = RowMapper(source.columns, endpoint="application")
        return [row for frame in source.frames(window or Window()) for row in mapper.map_chunk(frame)]


def body(row: MappedRow) -> dict[str, Any]:
    """Return a valid row's request body."""
    assert row.payload is not None, row.problems
    found: dict[str, Any] = json.loads(row.payload)
    return found
