"""A problem says what is expected and never repeats the value (promise P7)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kombo_provider.mapping.columns import META
from kombo_provider.mapping.fields import alias_of, paths_of
from kombo_provider.mapping.models import Body
from tests.unit.mapping.one_row import VALID, map_row, problems_of

SECRET = "Xq7Secret"
BODY = sorted(alias_of(path) for path in paths_of(Body))
SHAPES: list[Any] = [
    SECRET,
    SECRET.encode(),
    f"{SECRET}\ud800",
    f'{{"{SECRET}',
    json.dumps({f"{SECRET} {SECRET}": SECRET}),
    [SECRET],
    [{"url": SECRET, "type": SECRET, "email_address": SECRET, "name": SECRET, "data": SECRET, "question_id": [SECRET]}],
    {"country": SECRET, "amount": SECRET, "period": SECRET, "given": SECRET, "email_address": SECRET},
    {f"{SECRET} {SECRET}": 1},
    [{f"{SECRET}@example.com": SECRET, "answer": {SECRET * 10: SECRET}}],
]


COMPANIONS = {
    "candidate__location__country": "DE",
    "candidate__salary_expectations__period": "YEAR",
    "candidate__salary_expectations__amount": 1,
}


def with_companions(alias: str, value: Any) -> dict[str, Any]:
    """Return the column with the ones that its object requires."""
    parent = alias.rpartition("__")[0]
    return {**{name: one for name, one in COMPANIONS.items() if name.rpartition("__")[0] == parent}, alias: value}


@pytest.mark.parametrize("alias", [*BODY, *META, "remote_fields__lever", "candidate__extra"])
def test_no_problem_holds_a_value(alias: str) -> None:
    apart = tuple(name for name in VALID if name.startswith(f"{alias}__"))
    for value in SHAPES:
        mapped = map_row(with_companions(alias, value), without=apart, extra_fields=("candidate__extra",))
        assert SECRET not in (mapped.problems or "") + (mapped.key_problem or "")


def test_only_a_key_that_is_nearly_a_word_of_kombos_is_told_as_a_fields_name() -> None:
    assert "candidate__location__zip" in problems_of(map_row({"candidate__location": {"country": "DE", "zip": "1"}}))
    for key in ("f.doe@example.com", "Ada", "Ada_Lovelace", "x", "Gerd", "zip_\ncode", "zip_code\x1b[3m"):
        told = problems_of(map_row({"candidate__location": {"country": "DE", key: "1"}}))
        said = "holds a key that Kombo does not know: it takes city, country, state, street_1, zip_code"
        assert told == {"candidate__location": said}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text() | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(alias=st.sampled_from([name for name in [*BODY, *META] if name != "candidate"]), value=ANYTHING)
def test_no_value_whatever_stops_a_batch(alias: str, value: Any) -> None:
    mapped = map_row(with_companions(alias, value), attachments_from_files=True)
    assert (mapped.payload is None) != (mapped.problems is None)
    assert (mapped.applicant_id is None) == (mapped.key_problem is not None)
    (mapped.payload or "").encode()
