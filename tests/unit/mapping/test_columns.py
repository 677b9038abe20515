"""A SELECT that cannot be mapped is refused before anything is read, in one clear error."""

from __future__ import annotations

from typing import Any

import pandas
import pytest

from kombo_provider.errors import ConfigurationError, SourceError
from kombo_provider.mapping import RowMapper
from kombo_provider.mapping.fields import alias_of, fields_of, model_of, paths_of
from kombo_provider.mapping.models import KNOWN_ATS, Body, Model
from tests.unit.mapping.one_row import VALID, body_of, map_row

COLUMNS = list(VALID)


def refusal(*columns: str, **settings: Any) -> str:
    with pytest.raises(SourceError) as caught:
        RowMapper(columns, endpoint="application", **settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("alias", "hint"),
    [
        ("candidate__frist_name", "did you mean candidate__first_name?"),
        ("candidate_title", "did you mean candidate__title?"),
        ("city", "did you mean candidate__location__city?"),
        ("application__job_id", "did you mean job_id?"),
        ("candidate__social_links__url", "candidate__social_links__url"),
        ("remote_fields__greenhouse__candidate", "one JSON object for that ATS"),
        ("candidate__first_name__x", "candidate__first_name__x"),
        ("application_id", "application_id"),
    ],
)
def test_an_unknown_alias_is_refused_with_the_nearest_known_name(alias: str, hint: str) -> None:
    assert hint in refusal(*COLUMNS, alias)


def test_of_a_thousand_unknown_aliases_twenty_are_named() -> None:
    said = refusal(*COLUMNS, *(f"c{number}" for number in range(1_000)))
    assert "c0, c1, " in said
    assert " c19 and 980 more. " in said


def test_aliases_match_without_regard_to_case() -> None:
    row = {name.upper(): value for name, value in VALID.items()}
    frame = pandas.DataFrame([row])
    (mapped,) = RowMapper(list(row), endpoint="application").map_chunk(frame)
    assert body_of(mapped)["candidate"]["first_name"] == "Frank"


def test_two_columns_with_one_alias_are_refused() -> None:
    assert "more than one column named job_id" in refusal(*COLUMNS, "JOB_ID")


@pytest.mark.parametrize(
    ("columns", "both"),
    [
        (["candidate__location", "candidate__location__city"], "candidate__location and candidate__location__city"),
        (["remote_fields", "remote_fields__lever"], "remote_fields and remote_fields__lever"),
        (["candidate"], "candidate and candidate__"),
    ],
)
def test_a_path_and_a_part_of_it_are_refused_together(columns: list[str], both: str) -> None:
    assert f"both {both}" in refusal(*COLUMNS, *columns)


@pytest.mark.parametrize("missing", ["applicant_id", "job_id", "integration_id"])
def test_a_missing_meta_column_is_refused(missing: str) -> None:
    assert f"lacks {missing}" in refusal(*(name for name in COLUMNS if name != missing))


def test_the_connections_integration_stands_in_for_the_column_and_for_blank_values() -> None:
    without = map_row(without=("integration_id",), default_integration_id="lever:two")
    blank = map_row({"integration_id": "  "}, default_integration_id="lever:two")
    assert without.integration_id == blank.integration_id == "lever:two"
    assert map_row(default_integration_id="lever:two").integration_id == "greenhouse:one"


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        ([name for name in COLUMNS if name != "candidate__last_name"], "candidate__last_name"),
        ([*COLUMNS, "candidate__location__city"], "candidate__location__country"),
        (COLUMNS[:3], "candidate__email_address, candidate__first_name, candidate__last_name"),
    ],
)
def test_a_select_that_could_not_give_one_valid_row_is_refused(columns: list[str], missing: str) -> None:
    assert f"lacks {missing}" in refusal(*columns)


def test_a_whole_candidate_may_be_one_column() -> None:
    candidate = {"first_name": "Ada", "last_name": "L.", "email_address": "ada@example.com", "location": {"city": ""}}
    without = ("candidate__first_name", "candidate__last_name", "candidate__email_address")
    body = body_of(map_row({"candidate": candidate}, without=without))
    assert body["candidate"] == {key: value for key, value in candidate.items() if key != "location"}


@pytest.mark.parametrize("alias", ["", "a b", "candidate____x", "__x", "candidate__", "application__x", "1__2"])
def test_extra_fields_that_are_no_alias_are_a_configuration_error(alias: str) -> None:
    with pytest.raises(ConfigurationError, match="extra_fields"):
        RowMapper(COLUMNS, endpoint="application", extra_fields=(alias,))


def test_extra_fields_below_a_single_value_are_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="candidate__first_name is a single value"):
        RowMapper(COLUMNS, endpoint="application", extra_fields=("candidate__first_name__x",))


def test_extra_fields_given_as_one_text_are_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="extra_fields is text"):
        RowMapper(COLUMNS, endpoint="application", extra_fields="candidate__x")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "Europe", "../etc/passwd", "UTC+1"])
def test_an_unknown_time_zone_is_a_configuration_error(zone: str) -> None:
    with pytest.raises(ConfigurationError, match="source_timezone"):
        RowMapper(COLUMNS, endpoint="application", source_timezone=zone)


def test_an_unknown_endpoint_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="endpoint"):
        RowMapper(COLUMNS, endpoint="candidates")  # type: ignore[arg-type]


def test_a_frame_with_other_columns_than_the_select_is_refused() -> None:
    mapper = RowMapper(COLUMNS, endpoint="application")
    with pytest.raises(SourceError, match=r"lost: \['job_id'\], new: \['job'\]"):
        mapper.map_chunk(pandas.DataFrame([VALID]).rename(columns={"job_id": "job"}))


def test_a_frame_without_rows_gives_no_rows() -> None:
    assert RowMapper(COLUMNS, endpoint="application").map_chunk(pandas.DataFrame(columns=COLUMNS)) == []


def test_unknown_ats_names_and_deprecated_fields_are_remarked_on() -> None:
    columns = [*COLUMNS, "remote_fields__greenhouse", "remote_fields__NEWATS", "source__name"]
    unknown, deprecated = RowMapper(columns, endpoint="application").remarks
    assert "does not know: newats;" in unknown
    assert "Kombo has deprecated source__name" in deprecated
    assert RowMapper(COLUMNS, endpoint="application").remarks == ()
    assert len(KNOWN_ATS) == 26


def models_below(model: type[Model]) -> set[type[Model]]:
    inner = {found for field in fields_of(model).values() if (found := model_of(field)) is not None}
    return {model}.union(*(models_below(found) for found in inner))


def test_fields_are_declared_in_the_alphabets_order_which_the_hash_relies_on() -> None:
    for model in models_below(Body):
        assert list(fields_of(model)) == sorted(fields_of(model)), model


def test_every_path_of_the_api_reference_is_an_alias() -> None:
    expected = """
        attachments screening_question_answers remote_fields
        candidate candidate__first_name candidate__last_name candidate__email_address
        candidate__additional_email_addresses candidate__company candidate__title candidate__phone_number
        candidate__additional_phone_numbers candidate__location candidate__location__country
        candidate__location__city candidate__location__state candidate__location__street_1
        candidate__location__zip_code candidate__gender candidate__availability_date
        candidate__salary_expectations candidate__salary_expectations__amount
        candidate__salary_expectations__period candidate__social_links
        source source__name source__unified_key source__id sourced_by sourced_by__user_id
        gdpr_consent gdpr_consent__given gdpr_consent__expires_at
    """
    assert {alias_of(path) for path in paths_of(Body)} == set(expected.split())
