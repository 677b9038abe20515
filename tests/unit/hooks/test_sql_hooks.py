"""A connection of a type that Airflow gives another hook than the one for SQL."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from kombo_provider.hooks.sql_hooks import sql_hook

OWN = """
class AcmeHook:
    conn_type, conn_name_attr = "acme", "acme_conn_id"
    def __init__(self, acme_conn_id="acme_default"):
        self.conn_id = acme_conn_id
"""
FOR_SQL = """
from acme_hooks.acme import AcmeHook
class AcmeSqlHook(AcmeHook):
    def get_sqlalchemy_engine(self): ...
class OtherSqlHook(AcmeSqlHook):
    conn_type = "other"
"""


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type]:
    """The hook of a provider that keeps the one for SQL beside it, under the same connection type."""
    package: Path = tmp_path_factory.mktemp("provider") / "acme_hooks"
    package.mkdir()
    for name, source in {"__init__": "", "acme": OWN, "acme_sql": FOR_SQL, "acme_broken": "import nothing"}.items():
        (package / f"{name}.py").write_text(source)
    sys.path.insert(0, str(package.parent))
    yield import_module("acme_hooks.acme").AcmeHook
    sys.path.remove(str(package.parent))


def test_the_sql_hook_beside_a_types_own_hook_is_found(acme: type) -> None:
    found = sql_hook(acme(), "acme", "warehouse")
    assert (type(found).__name__, found.conn_id) == ("AcmeSqlHook", "warehouse")


def test_a_type_without_any_sql_hook_has_none(acme: type) -> None:
    assert sql_hook(acme(), "elsewhere", "warehouse") is None


def test_a_hook_that_gives_an_engine_is_taken_as_it_is(acme: type) -> None:
    own = sql_hook(acme(), "acme", "warehouse")
    assert sql_hook(own, "acme", "warehouse") is own
