"""One bad row is invalid with a reason, whatever is wrong with it, and no other row notices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kombo_provider.mapping import RowMapper
from tests.unit.mapping.one_row import VALID, frame_of


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


class Hostile:
    """A value that no operation can be done with, as a user's transform may leave one."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("frank.doe@example.com")


EXTREMES: dict[str, Any] = {
    "nested 3,000 deep": nested(3000),
    "nested 150 deep": nested(150),
    "brackets": "[" * 3000,
    "an integer of 5,001 digits": 10**5000,
    "a text of 5,000 digits": "9" * 5000,
    "a large decimal": Decimal("1E+99999"),
    "a signaling NaN": Decimal("sNaN"),
    "hostile": Hostile(),
}
ALIASES = [
    "remote_fields",
    "remote_fields__greenhouse",
    "candidate__new_field",
    "candidate__social_links",
    "candidate__location",
    "candidate__title",
    "candidate__availability_date",
    "candidate__salary_expectations",
    "gdpr_consent__given",
    "screening_question_answers",
    "changed_at",
    "already_sent",
    "withdrawn",
    "job_id",
    "applicant_id",
    "integration_id",
]


@pytest.mark.parametrize("extreme_value", EXTREMES)
@pytest.mark.parametrize("alias", ALIASES)
def test_an_extreme_value_makes_its_own_row_invalid_and_no_other(alias: str, extreme_value: str) -> None:
    good = {**VALID, "changed_at": None, "already_sent": None, "withdrawn": None, alias: VALID.get(alias)}
    rows = [good, {**good, alias: EXTREMES[extreme_value]}, good]
    mapper = RowMapper(list(good), endpoint="application", extra_fields=("candidate__new_field",))
    first, extreme, last = mapper.map_chunk(frame_of(*rows))
    assert first.payload is not None
    assert last == first
    assert extreme.payload is None or extreme.problems is None
    assert extreme.payload is not None or extreme.problems or extreme.key_problem
    assert "frank.doe" not in str((extreme.problems, extreme.key_problem))


@pytest.mark.parametrize("alias", ["remote_fields", "candidate__new_field", "candidate__location"])
def test_a_value_nested_3000_deep_is_named(alias: str) -> None:
    mapper = RowMapper([*VALID, alias], endpoint="application", extra_fields=("candidate__new_field",))
    (row,) = mapper.map_chunk(frame_of({**VALID, alias: nested(3000)}))
    assert row.problems is not None
    assert alias in row.problems
    assert "deep" in row.problems
