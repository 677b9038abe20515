"""What a run was asked to do is read with its types checked, and only from params that are the push's."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict

from kombo_provider.errors import ConfigurationError
from kombo_provider.operators.run_params import RunParams, push_params, read_params


class Dag:
    """A DAG with declared params."""

    def __init__(self, **params: Param) -> None:
        self.params = ParamsDict(params)


def read(given: dict[str, Any], *, whole_dag: bool = True, **declared: Param) -> RunParams:
    return read_params({"params": given, "dag": Dag(**declared)}, whole_dag=whole_dag)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("applicant_ids", "471"),
        ("applicant_ids", ["a\x00b"]),
        ("integration_ids", ["\ud800"]),
        ("limit", 10**30),
        ("confirm_rows", 10**30),
        ("applicant_ids", [4, 7, 1]),
        ("applicant_ids", [""]),
        ("applicant_ids", {"4": 1}),
        ("integration_ids", "*"),
        ("replay", "ATS.JOB_CLOSED"),
        ("limit", "5"),
        ("limit", 0),
        ("limit", -1),
        ("limit", True),
        ("limit", 1.5),
        ("dry_run", "false"),
        ("dry_run", 1),
        ("refill", "yes"),
        ("confirm_rows", "all"),
        ("window", "everything"),
        ("window", ["new"]),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_and_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        read({name: value})


def test_a_misspelled_key_is_refused_with_the_name_that_was_meant() -> None:
    with pytest.raises(ConfigurationError, match=r"aplicant_ids.*Did you mean applicant_ids"):
        read({"aplicant_ids": ["471"]})


def test_a_param_that_the_dag_declares_for_itself_is_let_be() -> None:
    assert read({"region": "eu"}, region=Param("eu")) == RunParams()


def test_in_a_dag_of_ones_own_a_param_of_the_same_name_narrows_nothing() -> None:
    given = {"limit": 5, "dry_run": True, "applicant_ids": "471", "whatever": 1}
    assert read(given, whole_dag=False, limit=Param(5), dry_run=Param(True)) == RunParams()


def test_in_a_dag_of_ones_own_those_of_push_params_are_the_push_s() -> None:
    given = {"limit": 5, "applicant_ids": ["471"]}
    assert read(given, whole_dag=False, **push_params()) == RunParams(limit=5, applicant_ids=frozenset({"471"}))


@pytest.mark.parametrize("name", ["applicant_id", "aplicant_ids", "dryrun", "Limit"])
def test_in_a_dag_of_ones_own_a_key_that_is_nearly_ours_is_the_dag_s_business_and_a_warning_names_it(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert read({name: ["471"]}, whole_dag=False, **push_params()) == RunParams()
    assert f"'{name}' is none of the push's and narrows nothing. Did you mean" in caplog.text


@pytest.mark.parametrize("given", [{"file": "x.csv", "day": "2026-01-01", "rows": 5}, {"aplicant_ids": ["471"]}])
def test_in_a_dag_of_ones_own_no_warning_is_of_what_the_dag_declared_or_of_a_name_that_is_far(
    given: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    declared = {name: Param(None) for name in given if name == "aplicant_ids"}
    assert read(given, whole_dag=False, **push_params(), **declared) == RunParams()
    assert not caplog.text


def test_nothing_given_means_the_defaults() -> None:
    defaults = {name: param.resolve(suppress_exception=True) for name, param in push_params().items()}
    assert read(defaults) == RunParams()
    assert read({"integration_ids": None, "limit": None}) == RunParams()
