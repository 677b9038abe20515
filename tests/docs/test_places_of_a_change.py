"""What a change has to touch outside of its one place is found by a test, wherever no other finds it."""

from __future__ import annotations

import re

import pytest

from include.demo.warehouse import WRITE_BACK_COLUMNS
from kombo_provider.client.codes import CLASS_OF_CODE
from kombo_provider.ledger.leases import LEASE_SECONDS
from kombo_provider.write_back.target import WRITTEN_COLUMNS
from kombo_sandbox.errors import STATUS_AND_TITLE
from tests.conftest import ROOT
from tests.docs.markdown import DOCS, README

TABLES = {"README": README, "docker": ROOT / "docker" / "warehouse.sql"}
LEDGER, OPERATIONS = (next(path for path in DOCS if path.stem == stem) for stem in ("ledger", "operations"))


@pytest.mark.parametrize("where", sorted(TABLES))
def test_each_column_of_the_write_back_stands_in_the_tables_that_are_shown(where: str) -> None:
    declared = re.findall(
        r"^ +(?:ADD COLUMN )?(kombo_\w+) +(?:text|timestamptz)", TABLES[where].read_text(), re.MULTILINE
    )
    assert tuple(declared) == WRITTEN_COLUMNS


def test_the_demo_s_table_takes_each_column_of_the_write_back() -> None:
    assert tuple(WRITE_BACK_COLUMNS) == WRITTEN_COLUMNS


def test_the_rights_that_are_shown_are_for_each_column_of_the_write_back() -> None:
    granted = re.findall(r"GRANT UPDATE \(([\w,\s]+)\)", LEDGER.read_text())
    assert granted
    assert {tuple(re.findall(r"\w+", columns)) for columns in granted} == {WRITTEN_COLUMNS}


def test_the_sandbox_can_answer_each_code() -> None:
    assert STATUS_AND_TITLE.keys() == CLASS_OF_CODE.keys()


def test_the_documented_length_of_a_lease_is_the_length() -> None:
    assert LEASE_SECONDS == 60
    assert "until its lease ends, within a minute" in OPERATIONS.read_text()
