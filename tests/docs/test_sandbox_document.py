"""docs/sandbox.md says of the sandbox and its fixture what they are."""

from __future__ import annotations

from types import ModuleType

import pytest

from kombo_provider.testing import KomboSandbox
from kombo_sandbox import faults, settings
from kombo_sandbox.__main__ import _parser
from tests.docs.markdown import DOCS, code_in, table

[DOCUMENT] = [path for path in DOCS if path.stem == "sandbox"]


@pytest.mark.parametrize("module", [faults, settings])
def test_the_tables_of_faults_and_settings_are_those_of_the_modules(module: ModuleType) -> None:
    rows = [line for line in (module.__doc__ or "").splitlines() if line.startswith("| `")]
    assert len(rows) > 10
    text = DOCUMENT.read_text().splitlines()
    assert [row for row in rows if row not in text] == []


def test_each_option_of_the_command_is_documented_with_its_default() -> None:
    rows = table(DOCUMENT, "## Start it", "option")
    told = {code_in(row["option"])[0]: (code_in(row["default"]) or ["none"])[0] for row in rows}
    options = _parser()._actions[1:]
    defaults = {action.option_strings[0]: str(action.default).lower() for action in options}
    assert told == defaults | {"--latency": "0"}


def test_each_attribute_of_the_fixture_is_documented() -> None:
    rows = table(DOCUMENT, "## In your tests", "attribute")
    public = {name for name in vars(KomboSandbox) if not name.startswith("_")}
    assert {code_in(row["attribute"])[0] for row in rows} == public | {"url"}
