"""A single create whose body cannot be made says so without a word of what the person's data were."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from kombo_provider.errors import ConfigurationError, LedgerError, NotDeliveredError
from kombo_provider.operators import KomboCreateApplicationOperator
from kombo_provider.operators.create import _why_not

CANARY = "ada.lovelace@example.com"


def operator(body: Any) -> KomboCreateApplicationOperator:
    return KomboCreateApplicationOperator(task_id="create", source="desk", applicant_id="42", job_id="j", body=body)


def quotes_the_person(_: Any) -> dict[str, Any]:
    people: dict[str, Any] = {}
    person: dict[str, Any] = people[CANARY]
    return person


def test_an_error_of_the_function_that_makes_the_body_is_told_by_kind_and_place() -> None:
    with pytest.raises(NotDeliveredError) as raised:
        operator(quotes_the_person).render_body({})
    assert "quotes_the_person that makes the body failed: KeyError in test_create.py, line" in str(raised.value)
    assert CANARY not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("error", [AirflowSkipException("not today"), LedgerError("away")], ids=["airflow's", "ours"])
def test_what_a_function_raises_to_tell_airflow_something_goes_through(error: Exception) -> None:
    def raises(_: Any) -> dict[str, Any]:
        raise error

    with pytest.raises(type(error), match=str(error)):
        operator(raises).render_body({})


def test_a_function_that_returns_no_body_is_named() -> None:
    with pytest.raises(ConfigurationError, match="returned no body, but NoneType"):
        operator(lambda _: None).render_body({})


@pytest.mark.parametrize(
    ("status", "http_status", "said"),
    [("ready", None, "is ready"), ("cancelled", None, "is cancelled"), ("rejected", 403, "is rejected: HTTP 403")],
)
def test_a_row_that_was_not_sent_is_not_said_to_be_refused_with_http_none(
    status: str, http_status: int | None, said: str
) -> None:
    row = {"status": status, "problems": None, "error_code": None, "http_status": http_status}
    assert _why_not(row) == said
