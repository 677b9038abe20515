"""Airflow connections as engines: what is wrong with one is said in a sentence."""

from __future__ import annotations

import json

import pytest

from kombo_provider.driver_errors import CONNECTION_OPTION
from kombo_provider.errors import ConfigurationError
from kombo_provider.operators.connections import warehouse_engine


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("postgresql+psycopg2://u:secret@h/db", "write postgres instead, without +psycopg2"),
        ("mysql+pymysql://u:secret@h/db", "write mysql instead, without +pymysql"),
        ('{"conn_type": "postgres", ', "AIRFLOW_CONN_ODD is set, and Airflow cannot read it"),
        ('{"conn_type": "postgres", "hostt": "h"}', "AIRFLOW_CONN_ODD is set, and Airflow cannot read it"),
        ("postgres://u:secret@h:port/db", "AIRFLOW_CONN_ODD is set, and Airflow cannot read it"),
        ('{"host": "h"}', "has no type"),
        ("warehouse", "has no type"),
        ("snowflake://u:secret@h", "apache-airflow-providers-snowflake"),
    ],
)
def test_a_connection_that_gives_no_engine_is_named_and_no_secret_of_it(
    monkeypatch: pytest.MonkeyPatch, given: str, words: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ODD", given)
    with pytest.raises(ConfigurationError) as raised, warehouse_engine("odd"):
        pass
    assert words in str(raised.value)
    assert "odd" in str(raised.value).lower()
    assert "secret" not in str(raised.value)


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"conn_type": "postgres", "host": "h", "extra": {"sqlalchemy_scheme": "postgresql+no_such_driver"}}
    monkeypatch.setenv("AIRFLOW_CONN_ODD", json.dumps(given))
    said = pytest.raises(ConfigurationError, match=r"'odd' gives no SQLAlchemy engine: .*no_such_driver")
    with said, warehouse_engine("odd"):
        pass


def test_an_engine_knows_the_id_of_its_connection_for_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MINE", "sqlite:////tmp/x.db")
    with warehouse_engine("mine") as engine:
        assert engine.get_execution_options()[CONNECTION_OPTION] == "mine"
