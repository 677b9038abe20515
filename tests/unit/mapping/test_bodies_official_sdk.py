"""Every valid body is what Kombo's own SDK would send: its models take it and lose nothing of it."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kombo import models as sdk

from kombo_provider.mapping.models import Body
from tests.unit.mapping.one_row import body_of, map_row

REQUESTS = {"application": sdk.PostAtsJobsJobIDApplicationsRequestBody, "candidate": sdk.PostAtsCandidatesRequestBody}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
email = st.emails(domains=st.just("example.com")).filter(lambda found: not set(found) & set('"(),:;<>[\\]` '))
links = st.lists(st.fixed_dictionaries({"url": st.just("https://example.com/ü?a=b#c")}), max_size=2)
answers = st.lists(
    st.fixed_dictionaries(
        {
            "question_id": st.just("q"),
            "answer": st.booleans()
            | st.integers(-(10**14), 10**14)
            | st.floats(-1e14, 1e14)
            | text.map(lambda found: f"a{found}")
            | st.lists(st.just("option"), min_size=1, max_size=2)
            | st.just({"name": "a.txt", "data": "AA==", "content_type": "text/plain"}),
        }
    ),
    max_size=3,
)
attachments = st.lists(
    st.sampled_from(
        [
            {"name": "cv.pdf", "type": "CV", "data": "AA==", "content_type": "application/pdf"},
            {"name": "x.pdf", "type": "OTHER", "data_url": "https://example.com/x"},
        ]
    ),
    max_size=2,
)
as_json = st.booleans()


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def listed(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return maybe(st.tuples(values, as_json).map(lambda found: json.dumps(found[0]) if found[1] else found[0]))


ROWS = st.fixed_dictionaries(
    {
        "candidate__first_name": text.map(lambda found: f"A{found}"),
        "candidate__last_name": text.map(lambda found: f"{found}Z"),
        "candidate__email_address": email,
        "stage_id": maybe(text),
        "candidate__company": maybe(text),
        "candidate__phone_number": maybe(text | st.integers()),
        "candidate__gender": maybe(st.sampled_from(["MALE", "FEMALE", "OTHER"])),
        "candidate__location__country": st.sampled_from(["DE", "US"]),
        "candidate__location__city": maybe(text),
        "candidate__availability_date": maybe(
            st.dates(min_value=date(1900, 1, 1))
            | st.datetimes()
            | st.just("2021-01-01")
            | st.just("2021-01-01 10:00+02")
        ),
        "candidate__salary_expectations__amount": st.decimals(-(10**14), 10**14, allow_nan=False)
        | st.integers(0, 10**9),
        "candidate__salary_expectations__period": st.sampled_from(["MONTH", "YEAR"]),
        "candidate__social_links": listed(links),
        "attachments": listed(attachments),
        "screening_question_answers": listed(answers),
        "gdpr_consent__given": maybe(st.booleans()),
        "gdpr_consent__expires_at": maybe(st.dates(min_value=date(1900, 1, 1))),
        "sourced_by__user_id": maybe(st.just("remote:7")),
        "source__name": maybe(text),
        "remote_fields": maybe(st.sampled_from(["{}", '{"lever": {"candidate": {"a": 1}}}'])),
    }
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK marks `source` so
@pytest.mark.parametrize("endpoint", list(REQUESTS))
@settings(max_examples=150, deadline=None)
@given(row=ROWS)
def test_the_sdk_takes_every_valid_body_and_loses_nothing_of_it(endpoint: Any, row: dict[str, Any]) -> None:
    body = body_of(map_row(row, endpoint=endpoint))
    accepted = REQUESTS[endpoint].model_validate(body).model_dump(mode="json", by_alias=True)
    assert without_dates(accepted) == without_dates(body)


@settings(max_examples=100, deadline=None)
@given(row=ROWS)
def test_what_is_built_from_columns_is_what_the_models_say(row: dict[str, Any]) -> None:
    body = body_of(map_row({**row, "stage_id": None}))
    assert Body.model_validate(body).model_dump(exclude_unset=True) == body


def without_dates(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body without its dates, which the SDK writes in a form of its own (API reference §2.2)."""
    body["candidate"].pop("availability_date", None)
    body.get("gdpr_consent", {}).pop("expires_at", None)
    return body


def test_amounts_reach_the_sdk_as_the_numbers_they_are() -> None:
    salary = {"amount": Decimal("65000.50"), "period": "YEAR"}
    body = body_of(map_row({"candidate__salary_expectations": salary}))
    accepted = sdk.PostAtsJobsJobIDApplicationsRequestBody.model_validate(body)
    assert accepted.candidate.salary_expectations is not None
    assert accepted.candidate.salary_expectations.amount == 65000.5
