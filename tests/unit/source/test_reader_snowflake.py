"""The SELECT and its window in Snowflake, as far as fakesnow plays it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from kombo_provider.source.reader import SourceReader
from kombo_provider.source.window import Window

pytestmark = pytest.mark.filterwarnings("ignore")
WINDOW = Window(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "TIMESTAMP_TZ"])
def test_a_window_is_cut_by_the_database_whatever_the_instants_type(snowflake: Engine, kind: str) -> None:
    with snowflake.begin() as conn:
        conn.execute(text(f"CREATE TABLE people (id INTEGER, changed_at {kind})"))
        conn.execute(text("INSERT INTO people VALUES (1, '2025-01-01'), (2, '2026-02-10'), (3, NULL)"))
    reader = SourceReader(
        snowflake, "WITH p AS (SELECT * FROM people) SELECT id AS applicant_id, changed_at FROM p", where="test.sql"
    )
    with reader.open() as source:
        assert source.columns == ["applicant_id", "changed_at"]
        found = [applicant for frame in source.frames(WINDOW) for applicant in frame["applicant_id"]]
    assert sorted(found) == [2, 3]
