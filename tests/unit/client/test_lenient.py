"""JSON that no reader takes is read all the same, but for the value that is in the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kombo_provider.client.lenient import read_leniently

DEEP = "[" * 120_000 + "]" * 120_000
OBJECTS = '{"a":' * 120_000 + "1" + "}" * 120_000
NINES = "9" * 4_400


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (NINES.encode(), NINES),
        (f"-{NINES}".encode(), f"-{NINES}"),
        (b'"a\xffb"', "a�b"),
        (b'"a\nb"', "a\nb"),
        (b"17", 17),
        (rb'"]}\"[{"', ']}"[{'),
    ],
)
def test_a_value_that_is_in_the_way_hides_nothing_beside_it(value: bytes, read: Any) -> None:
    body = b'{"before": [1, {"x": "["}], "odd": ' + value + b', "after": 2}'
    assert read_leniently(body) == {"before": [1, {"x": "["}], "odd": read, "after": 2}


@pytest.mark.parametrize("value", [DEEP, OBJECTS])
def test_nesting_without_end_is_cut_and_hides_nothing_beside_it(value: str) -> None:
    found = read_leniently(f'{{"odd": {value}, "more": [{value}, 5], "after": 2}}'.encode())
    assert (found["after"], found["more"][1]) == (2, 5)
    assert len(json.dumps(found)) < 2_000


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": "', b"<html>", b"[" * 120_000, b"]" * 200, b'{"a": 1}}', b"[1,]"])
def test_what_is_no_json_stays_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"line 1|Expecting|Extra|Unterminated|Illegal"):
        read_leniently(body)
