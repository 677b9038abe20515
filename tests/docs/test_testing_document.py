"""docs/testing.md: its test runs as it stands, and its table names what a row has."""

from __future__ import annotations

from dataclasses import fields

from kombo_provider.operators.fixture_rows import FixtureRow
from tests.conftest import ROOT
from tests.docs.markdown import blocks, code_in, section, table

DOCUMENT = ROOT / "docs" / "testing.md"


def test_the_test_has_ten_lines_and_passes() -> None:
    (block,) = [block for block in blocks(section(DOCUMENT, "## In pytest")) if block.language == "py"]
    assert len([line for line in block.text.splitlines() if line.strip()]) <= 10
    names: dict[str, object] = {}
    exec(compile(block.text, str(ROOT / "tests" / "test_of_a_user.py"), "exec"), names)
    names["test_our_applicants_can_be_sent"]()  # type: ignore[operator]


def test_each_attribute_of_a_row_is_documented() -> None:
    rows = table(DOCUMENT, "## In pytest", "attribute of a row")
    documented = [name for row in rows for name in code_in(row["attribute of a row"])]
    assert sorted(documented) == sorted(field.name for field in fields(FixtureRow))
