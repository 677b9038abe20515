"""Whatever a user's function does wrong is told without a value of a row."""

from __future__ import annotations

import pandas as pd
import pytest

from kombo_provider.errors import SourceError
from kombo_provider.staging.transform import Transform, transformed

CANARY = "Ada.Lovelace@example.com"
ROWS = pd.DataFrame({"applicant_id": ["1", "2"], "candidate__email_address": [CANARY, "b@example.com"]})


def pivoted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index("candidate__email_address").T


def test_columns_named_after_values_as_after_a_pivot_are_counted_and_not_named() -> None:
    with pytest.raises(SourceError, match="The transform pivoted returned 2 columns of its own") as raised:
        transformed(pivoted, ROWS)
    assert CANARY.lower() not in str(raised.value).lower()


def test_a_column_that_the_function_adds_is_taken() -> None:
    added = transformed(lambda frame: frame.assign(candidate__first_name="Ada"), ROWS)
    assert list(added.columns) == [*ROWS.columns, "candidate__first_name"]


def test_an_odd_name_of_the_selects_own_is_left_to_the_mapping_which_names_it() -> None:
    frame = ROWS.rename(columns={"candidate__email_address": "max(email)"})
    assert list(transformed(lambda raw: raw, frame).columns) == ["applicant_id", "max(email)"]


def _raises_a_class_named_after_a_value(frame: pd.DataFrame) -> pd.DataFrame:
    value = frame["candidate__email_address"][0]
    raise type(value, (KeyError,), {})(value)


def _returns_a_class_named_after_a_value(frame: pd.DataFrame) -> pd.DataFrame:
    made: pd.DataFrame = type(frame["candidate__email_address"][0], (), {})()
    return made


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (_raises_a_class_named_after_a_value, r"KeyError in test_transform\.py"),
        (_returns_a_class_named_after_a_value, "but object"),
    ],
)
def test_a_class_named_after_a_value_is_told_by_its_base(function: Transform, kind: str) -> None:
    with pytest.raises(SourceError, match=kind) as raised:
        transformed(function, ROWS)
    assert CANARY.lower() not in str(raised.value).lower()
