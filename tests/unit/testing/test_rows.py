"""`map_rows` says what each row of a fixture would become, and catches mistakes of a SELECT without a database."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas
import pytest

from kombo_provider.errors import ConfigurationError, KomboError, SourceError
from kombo_provider.testing import map_rows
from tests.conftest import ROOT

SELECT = """
SELECT a.id AS applicant_id, a.ats AS integration_id, a.job AS job_id, a.updated AS changed_at,
       a.given_name AS candidate__first_name, a.family_name AS candidate__last_name,
       a.mail AS candidate__email_address, a.born AS candidate__availability_date,
       a.land AS candidate__location__country, a.city AS candidate__location__city,
       a.links AS candidate__social_links, a.gone AS withdrawn, a.before AS already_sent
FROM {{ var.value.crm_schema }}.applicants AS a
"""
ROW = {
    "applicant_id": 7,
    "integration_id": "greenhouse:one",
    "job_id": "remote:42",
    "candidate__first_name": "Ada",
    "candidate__last_name": "Doe",
    "candidate__email_address": "ada@example.com",
}


def only(row: dict[str, Any], select: Any = SELECT, **settings: Any) -> Any:
    (found,) = map_rows(select, [row], **settings)
    return found


def test_a_good_row_has_its_body() -> None:
    found = only(ROW)
    assert (found.becomes, found.applicant_id, found.problems) == ("ready", "7", [])
    assert found.body == {
        "candidate": {"email_address": "ada@example.com", "first_name": "Ada", "last_name": "Doe"},
    }


def test_a_row_that_cannot_be_sent_has_a_reason_for_each_field() -> None:
    found = only({**ROW, "candidate__location__country": "UK", "candidate__email_address": None})
    assert found.becomes == "invalid"
    assert found.body is None
    assert {problem["field"]: problem["problem"] for problem in found.problems} == {
        "candidate__email_address": "is required",
        "candidate__location__country": "expected GB, which is the country's code in ISO 3166-1",
    }


@pytest.mark.parametrize(
    ("row", "becomes"),
    [
        ({**ROW, "applicant_id": None}, "without_key"),
        ({**ROW, "applicant_id": 7.0}, "without_key"),
        ({**ROW, "integration_id": None}, "without_key"),
        ({**ROW, "withdrawn": True}, "withdrawn"),
        ({**ROW, "already_sent": "8x3YKRDcuRnwShdh96ShBNn1"}, "imported"),
    ],
)
def test_a_row_becomes_what_staging_would_make_of_it(row: dict[str, Any], becomes: str) -> None:
    found = only(row)
    assert (found.becomes, found.body) == (becomes, None)


def test_the_second_row_of_a_key_is_a_duplicate() -> None:
    first, second = map_rows(SELECT, [ROW, {**ROW, "applicant_id": "7"}])
    assert (first.becomes, second.becomes) == ("ready", "duplicate_keys")


def test_the_integration_of_the_connection_counts_where_the_select_has_none() -> None:
    select = SELECT.replace("a.ats AS integration_id,", "")
    row = {name: value for name, value in ROW.items() if name != "integration_id"}
    assert only(row, select).integration_id is None
    assert only(row, integration_id="lever:two").integration_id == "lever:two"


def test_a_frame_and_names_in_capitals_do_as_well() -> None:
    frame = pandas.DataFrame([{name.upper(): value for name, value in ROW.items()}])
    assert map_rows(SELECT, frame) == map_rows(SELECT, [ROW])


def test_a_select_with_a_star_takes_the_columns_of_the_rows() -> None:
    assert only(ROW, "SELECT * FROM mart.applicants").becomes == "ready"


def test_the_endpoint_the_time_zone_and_a_transform_count() -> None:
    row = {**ROW, "candidate__availability_date": "2026-01-01 00:30"}
    found = only(
        row,
        endpoint="candidate",
        source_timezone="Europe/Berlin",
        transform=lambda frame: frame.assign(candidate__last_name=frame["candidate__last_name"].str.upper()),
    )
    assert found.body["application"] == {"job_id": "remote:42"}
    assert found.body["candidate"]["availability_date"] == "2025-12-31T23:30:00Z"
    assert found.body["candidate"]["last_name"] == "DOE"


def test_a_dag_brings_its_select_and_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from dags.kombo_push_applicants import dag

    assert only(ROW, dag) == only(ROW)
    with pytest.raises(ConfigurationError, match=r"demo\.applicants"):
        map_rows(dag, [ROW], source="another")


def test_the_file_of_a_select_is_found_from_the_test_upwards() -> None:
    assert only(ROW, "include/sql/extract_applicants.sql") == only(ROW, Path("include/sql/extract_applicants.sql"))


MISTAKES: dict[str, tuple[str, str, str]] = {
    "a misspelled alias": ("candidate__first_name", "candidate__frist_name", "did you mean candidate__first_name"),
    "an alias with one underscore": ("candidate__last_name", "candidate_last_name", "candidate_last_name"),
    "an alias with a dot": ("AS candidate__last_name", 'AS "candidate.last_name"', "candidate.last_name"),
    "an alias of the table": ("AS candidate__last_name", "", "family_name"),
    "a required field left out": ("a.mail AS candidate__email_address,", "", "lacks candidate__email_address"),
    "no key": ("a.id AS applicant_id,", "", "lacks applicant_id"),
    "no job": ("a.job AS job_id,", "", "lacks job_id"),
    "an alias twice": ("candidate__last_name", "candidate__first_name", "more than one column named"),
    "a part beside its whole": ("candidate__social_links", "candidate__location", "keep one of them"),
    "part of an object without what it requires": (
        "a.land AS candidate__location__country,",
        "",
        "candidate__location__country",
    ),
    "a missing comma": ("applicant_id,", "applicant_id", "cannot be read"),
    "a bracket too many": ("a.id AS", "a.id) AS", "cannot be read"),
    "an open quote": ("a.id AS", "'a.id AS", "cannot be read"),
    "an expression without an alias": ("a.family_name AS candidate__last_name", "upper(a.family_name)", "no name"),
    "a second statement": ("FROM {{", "FROM a; SELECT 1 FROM {{", "more than one statement"),
    "broken Jinja": ("{{ var.value.crm_schema }}", "{{ var.value.crm_schema }", "Jinja"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_of_the_select_is_told_before_a_row_is_mapped(mistake: str) -> None:
    old, new, told = MISTAKES[mistake]
    assert old in SELECT
    with pytest.raises(KomboError) as error:
        map_rows(SELECT.replace(old, new), [])
    assert told in str(error.value)


WRONG_CELLS: dict[str, tuple[dict[str, Any], str, str]] = {
    "two columns swapped": (
        {"candidate__first_name": "ada@example.com", "candidate__email_address": "Ada"},
        "invalid",
        "candidate__email_address",
    ),
    "a country's name": ({"candidate__location__country": "Germany"}, "invalid", "candidate__location__country"),
    "a date as people write it": (
        {"candidate__availability_date": "31.12.2026"},
        "invalid",
        "candidate__availability_date",
    ),
    "an object where a list belongs": (
        {"candidate__social_links": '{"url": "https://example.com"}'},
        "invalid",
        "candidate__social_links",
    ),
    "text that is not JSON": ({"candidate__social_links": "https://example.com"}, "invalid", "candidate__social_links"),
    "a job without its id": ({"job_id": "remote:"}, "invalid", "job_id"),
    "a change that is no instant": ({"changed_at": "yesterday"}, "invalid", "changed_at"),
    "a status for a flag": ({"withdrawn": "closed"}, "invalid", "withdrawn"),
    "a key that was cast to float": ({"applicant_id": 7.0}, "without_key", "applicant_id"),
    "a join that found no integration": ({"integration_id": None}, "without_key", "integration_id"),
}


@pytest.mark.parametrize("mistake", WRONG_CELLS)
def test_a_mistake_of_the_select_that_only_its_rows_show_names_the_field(mistake: str) -> None:
    cells, becomes, field = WRONG_CELLS[mistake]
    found = only({**ROW, **cells})
    assert (found.becomes, found.body) == (becomes, None)
    assert field in str(found)


def test_a_key_that_is_the_same_for_all_rows_shows_as_duplicates() -> None:
    rows = [{**ROW, "applicant_id": 1, "candidate__email_address": f"p{number}@example.com"} for number in range(3)]
    assert [row.becomes for row in map_rows(SELECT, rows)] == ["ready", "duplicate_keys", "duplicate_keys"]


def test_a_row_with_a_column_that_the_select_does_not_return_is_refused() -> None:
    with pytest.raises(SourceError, match=r"Row 2 .*candidate__frist_name \(did you mean candidate__first_name\?\)"):
        map_rows(SELECT, [ROW, {**ROW, "candidate__frist_name": "Ada"}])


def test_a_hundred_rows_take_less_than_a_second() -> None:
    begun = time.process_time()
    found = map_rows(SELECT, [{**ROW, "applicant_id": number} for number in range(100)])
    assert time.process_time() - begun < 1
    assert {row.becomes for row in found} == {"ready"}


def test_answers_are_checked_and_converted_by_questions_that_the_test_gives() -> None:
    select = SELECT.replace("a.gone AS withdrawn", "a.answers AS screening_question_answers")
    licence = {
        "id": "q-1",
        "required": True,
        "format": {"type": "SINGLE_SELECT", "options": [{"id": "o-1", "name": "Yes"}, {"id": "o-2", "name": "No"}]},
    }
    questions = {"remote:42": [licence]}
    answers = '[{"question_id": "q-1", "answer": "Yes"}]'
    good = only({**ROW, "screening_question_answers": answers}, select, questions=questions)
    assert good.body["screening_question_answers"] == [{"answer": "o-1", "question_id": "q-1"}]
    lacking = only(ROW, select, questions=questions)
    assert lacking.problems[0]["field"] == "screening_question_answers"
    unknown = only({**ROW, "screening_question_answers": answers}, select, questions={"remote:42": []})
    assert unknown.becomes == "ready"
    assert only(ROW, select, questions={"another job": [licence]}).becomes == "ready"
    assert only(ROW, select).becomes == "ready"
