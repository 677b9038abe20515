"""A column that is cleaned at once is what its cells would be, each on its own."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kombo_provider.mapping.instants import instant, instants
from kombo_provider.mapping.kinds import COUNTRY, EMAIL, NUMBER, REFERENCE, TEXT
from kombo_provider.mapping.values import Cleaner, Glance, Rules, unchanged
from kombo_provider.mapping.whole_columns import cleaned_at_once

RULES = Rules(zone=UTC, attachments_from_files=False)
TEXTS = st.text(alphabet=st.sampled_from("ab é\u200b\u3164\u2800\t\x07\x85\ud800 \u00a0"), max_size=4)


def _alone(cell: Any, clean: Cleaner, rules: Rules) -> Any:
    return None if cell is None else clean(cell, rules)


def _each(cells: list[Any], clean: Cleaner) -> list[Any] | None:
    try:
        return [None if cell is None else clean(cell, RULES) for cell in cells]
    except ValueError:
        return None


def _at_once(cells: list[Any], clean: Cleaner, glance: Glance | None) -> list[Any] | None:
    try:
        return cleaned_at_once(cells, clean, glance, RULES)
    except ValueError:
        return None


@given(st.lists(st.none() | TEXTS, max_size=4))
def test_what_is_cleaned_at_once_is_what_each_cell_becomes(cells: list[str | None]) -> None:
    found = _at_once(cells, TEXT.clean, unchanged)
    assert found is None or found == _each(cells, TEXT.clean)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_instants_are_the_same_at_a_glance(zone: str) -> None:
    rules = Rules(UTC if zone == "UTC" else ZoneInfo(zone), attachments_from_files=False)
    cells = [f"2026-0{month}-29 02:30:0{month}{end}" for month in (3, 7) for end in ("", ".5", "Z", "+05:30")]
    assert cleaned_at_once([*cells, None], instant, instants, rules) == [
        *(instant(cell, rules) for cell in cells),
        None,
    ]


@pytest.mark.parametrize(
    ("clean", "glance", "odd"),
    [
        (EMAIL.clean, EMAIL.glance, "nobody"),
        (REFERENCE.clean, REFERENCE.glance, "remote:"),
        (COUNTRY.clean, COUNTRY.glance, "Germany"),
        (instant, instants, "2026-02-30"),
    ],
)
def test_one_odd_cell_is_not_passed_at_a_glance(clean: Cleaner, glance: Glance | None, odd: str) -> None:
    assert _at_once([odd, odd], clean, glance) is None


def test_equal_cells_of_different_types_are_not_taken_for_the_same() -> None:
    assert cleaned_at_once([1, True, 1.0, "1"], NUMBER.clean, None, RULES) is None
    assert cleaned_at_once([1, 1, None], NUMBER.clean, None, RULES) == [1, 1, None]
