"""Keys of one extract are remembered in little memory, and none is forgotten."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from kombo_provider.staging.seen_keys import SeenKeys

KEYS = st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=20)


@given(st.lists(KEYS, max_size=12), KEYS)
def test_what_was_added_is_known_and_nothing_else(
    chunks: list[list[tuple[str, str]]], asked: list[tuple[str, str]]
) -> None:
    seen, expected = SeenKeys(), set()
    for chunk in chunks:
        assert seen.may_hold(chunk) == [key in expected for key in chunk]
        seen.add(chunk)
        expected.update(chunk)
    assert seen.may_hold(asked) == [key in expected for key in asked]


@given(st.lists(KEYS, max_size=12))
def test_each_key_is_counted_once_however_often_it_is_added(chunks: list[list[tuple[str, str]]]) -> None:
    seen = SeenKeys()
    counted = sum(seen.add_new(set(chunk)) for chunk in chunks)
    assert counted == len({key for chunk in chunks for key in chunk})


def test_four_hundred_thousand_keys_need_less_than_eight_mebibytes() -> None:
    seen = SeenKeys()
    tracemalloc.start()
    try:
        for start in range(0, 400_000, 2_000):
            seen.add([("lever:acme", str(number)) for number in range(start, start + 2_000)])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 8 * 1024 * 1024
    assert seen.may_hold([("lever:acme", "0"), ("lever:acme", "399999"), ("lever:acme", "400000")]) == [
        True,
        True,
        False,
    ]
