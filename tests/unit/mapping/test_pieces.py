"""A column encoded as a whole is what its values are, each on its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kombo_provider.mapping.chunks import REPORTED
from kombo_provider.mapping.pieces import pieces_of
from kombo_provider.mapping.values import JsonText

TEXTS = st.text(alphabet=st.sampled_from('ab"\\\x7f\n\x00é\u2028'), max_size=4)
MANY = [f"text {number}" for number in range(300)]
"""So many different ones that each is not looked up."""


def _alone(value: Any) -> str:
    if value is None:
        return ""
    told = value if isinstance(value, JsonText) else json.dumps(value, ensure_ascii=False)
    return f',"key":{told}'


@given(values=st.lists(st.none() | TEXTS, max_size=5), many=st.booleans())
def test_texts_are_what_each_is_alone(values: list[str | None], *, many: bool) -> None:
    values = [*MANY, *values] if many else values
    assert pieces_of("key", values) == [_alone(value) for value in values]


@pytest.mark.parametrize(
    "values",
    [
        [1, True, 1.5, "1", None],
        [True, False, None, True],
        [0.0, -0.0],
        [JsonText('{"a":1}'), None, JsonText("[]")],
        [JsonText("1"), "1"],
        [None, None],
        [],
    ],
)
def test_equal_values_of_different_types_are_not_taken_for_the_same(values: list[Any]) -> None:
    assert pieces_of("key", values) == [_alone(value) for value in values]


def test_a_reported_value_is_null_so_that_it_does_not_also_count_as_missing() -> None:
    assert pieces_of("key", ["a", REPORTED, None]) == [',"key":"a"', ',"key":null', ""]
