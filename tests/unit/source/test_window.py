"""The window in SQL leaves nothing out that the window holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import Engine

from kombo_provider.source.window import Window
from tests.unit.source.reading import read, run

LOWER, UPPER = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 5, 12, tzinfo=UTC)
ODD = ["", " ", "yesterday", "20260303", "2026-3-3", "03.03.2026", "2026-03", "now", "-infinity", "1772539200", "é"]


def _kinds(source: Engine) -> dict[str, list[str]]:
    """Return the types of an instant's column, each with the offsets that its values may name."""
    offsets = ["Z", "+14:00", "-12:00"]
    kinds = {"TEXT": offsets, "VARCHAR(60)": offsets, "DATE": [""]}
    if source.dialect.name == "mysql":
        return kinds | {"DATETIME": [""], "CHAR(40)": offsets}
    if source.dialect.name == "duckdb":
        return kinds | {"TIMESTAMP": [""], "TIMESTAMPTZ": offsets, "TIMESTAMP_S": [""]}
    if source.dialect.name == "postgresql":
        return kinds | {"TIMESTAMP": [""], "TIMESTAMPTZ": offsets, "CHAR(40)": offsets}
    return kinds | {"TIMESTAMP": [""], "DATETIME": offsets, "": offsets}


def _ids(source: Engine, window: Window, kind: str, values: list[str | None], *, indexed: bool = False) -> set[int]:
    rows = [f"({number}, {'NULL' if value is None else repr(value)})" for number, value in enumerate(values)]
    run(
        source,
        "DROP TABLE IF EXISTS people",
        f"CREATE TABLE people (id INTEGER, changed {kind})",
        f"INSERT INTO people VALUES {', '.join(rows)}",
    )
    if indexed:
        run(source, "CREATE INDEX people_changed ON people (changed)")
    return {row["id"] for row in read(source, 'SELECT id, changed AS "Changed_At" FROM people', window)}


@pytest.mark.parametrize(
    "window", [Window(LOWER, UPPER), Window(LOWER), Window(upper=UPPER), Window(upper=UPPER, undated=False)]
)
@pytest.mark.parametrize("indexed", [False, True])
def test_no_row_of_the_window_is_left_out_and_far_ones_are(source: Engine, window: Window, *, indexed: bool) -> None:
    steps = (-30, -3, 0, 1, 3, 4, 5, 8, 30)
    instants = [LOWER + timedelta(days=days, minutes=minutes) for days, minutes in product(steps, (-1, 0, 1))]
    for kind, offsets in _kinds(source).items():
        for offset, separator in product(offsets, " T"):
            zone = timedelta(hours=int(offset[:3])) if len(offset) > 1 else timedelta(0)
            texts = [(at + zone).strftime(f"%Y-%m-%d{separator}%H:%M:%S") + offset for at in instants]
            found = _ids(source, window, kind, [*texts, None], indexed=indexed)
            assert {number for number, at in enumerate(instants) if window.contains(at)} <= found, (kind, offset)
            assert len(instants) in found, "a row without an instant is left to the caller"
            assert not any(number in found for number, at in enumerate(instants) if _far(window, at)), (kind, offset)


def _far(window: Window, at: datetime) -> bool:
    margin = timedelta(days=3)
    below = window.lower is not None and at < window.lower - margin
    return below or (window.upper is not None and at > window.upper + margin)


def test_text_that_is_no_instant_is_left_to_the_mapping(source: Engine) -> None:
    assert _ids(source, Window(LOWER, UPPER), "TEXT", [*ODD, None]) >= {
        number for number, text in enumerate(ODD) if text != "now"
    }


def test_the_ends_of_time_are_no_error(source: Engine) -> None:
    widest = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    for kind in _kinds(source):
        assert _ids(source, widest, kind, ["2026-03-03", None]) == {0, 1}


@pytest.mark.parametrize(
    "value", ["", " ", " 2026-03-03", "yesterday", "20260303", "2025-3-3", "1999-02-31", "1772539200"]
)
def test_no_index_hides_a_text_that_begins_with_no_day(source: Engine, value: str) -> None:
    assert _ids(source, Window(LOWER), "TEXT", [value], indexed=True) == {0}
    assert _ids(source, Window(LOWER, UPPER), "TEXT", [value], indexed=True) == {0}


NO_INSTANTS = [
    *(
        "0000-00-00",
        "0000-01-01",
        "20261-01-01",
        "2026-13-45",
        "1999-02-31",
        "10:00:00",
        "2451545.5",
        "1999-01-01 25:00",
    ),
    *("infinity", "1999-01-01 BC", "1999-01-01 soon"),
]


@pytest.mark.parametrize("value", NO_INSTANTS)
def test_a_new_row_whose_changed_at_is_no_instant_is_not_passed_over(source: Engine, value: str) -> None:
    assert _ids(source, Window(LOWER, UPPER), "TEXT", [value]) == {0}


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "DATE"])
def test_what_only_postgresql_takes_for_an_instant_is_not_passed_over(postgres: Engine, kind: str) -> None:
    values: list[str | None] = ["infinity", "-infinity", "0044-03-15 BC", "20261-01-01"]
    assert _ids(postgres, Window(LOWER, UPPER), kind, values) == {0, 1, 2, 3}
