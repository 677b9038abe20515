"""Maps single rows in tests: a valid row, with some columns replaced or added."""

from __future__ import annotations

import json
from typing import Any

import pandas

from kombo_provider.mapping import MappedRow, RowMapper

VALID: dict[str, Any] = {
    "applicant_id": "A-1",
    "integration_id": "greenhouse:one",
    "job_id": "remote:42",
    "candidate__first_name": "Frank",
    "candidate__last_name": "Doe",
    "candidate__email_address": "frank.doe@example.com",
}


def frame_of(*rows: dict[str, Any]) -> pandas.DataFrame:
    """Return a frame that holds the values as they are."""
    return pandas.DataFrame([list(row.values()) for row in rows], columns=list(rows[0]), dtype=object)


def map_row(columns: dict[str, Any] | None = None, *, without: tuple[str, ...] = (), **settings: Any) -> MappedRow:
    """Return the mapped row of VALID with these columns, without those."""
    row = {name: value for name, value in {**VALID, **(columns or {})}.items() if name not in without}
    mapper = RowMapper(list(row), **{"endpoint": "application", **settings})
    (mapped,) = mapper.map_chunk(frame_of(row))
    return mapped


def body_of(mapped: MappedRow) -> dict[str, Any]:
    """Return the request body of a row that must be valid."""
    assert mapped.problems is None
    assert mapped.payload is not None
    body: dict[str, Any] = json.loads(mapped.payload)
    return body


def problems_of(mapped: MappedRow) -> dict[str, str]:
    """Return problem by field of a row that must be invalid."""
    assert mapped.payload is None
    assert mapped.problems is not None
    return {found["field"]: found["problem"] for found in json.loads(mapped.problems)}
