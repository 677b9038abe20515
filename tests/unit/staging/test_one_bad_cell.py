"""One cell that Python has no value for costs its row, and no other."""

from __future__ import annotations

import pytest

from tests.unit.staging.people import Source

CELLS = {
    "nested 3,000 deep": "repeat('[', 3000) || repeat(']', 3000)",
    "nested 980 deep": "repeat('[', 980) || repeat(']', 980)",
    "a number of 5,000 digits": "repeat('9', 5000)",
}


@pytest.mark.parametrize("alias", ["candidate__social_links", "candidate__title", "remote_fields"])
@pytest.mark.parametrize("kind", ["json", "jsonb"])
@pytest.mark.parametrize("what", sorted(CELLS))
def test_a_json_cell_that_python_cannot_read_is_invalid_and_the_others_are_staged(
    source: Source, what: str, kind: str, alias: str
) -> None:
    if source.engine.dialect.name != "postgresql":
        pytest.skip("SQLite gives JSON as text")
    source.add(range(20), "a")
    links = f"CASE WHEN id = 7 THEN ({CELLS[what]})::{kind} END"
    source.run(f"CREATE VIEW told AS SELECT *, {links} AS links FROM people")
    counts = source.stage_from("told", more=f"links AS {alias}", approve_above=100).counts
    assert (counts["new"], counts["invalid"]) == (19, 1)
    with source.engine.connect() as conn:
        told = conn.exec_driver_sql("SELECT problems FROM kombo_deliveries WHERE status = 'invalid'").scalar_one()
    assert "is nested" in told
