"""ARCHITECTURE.md and CONTRIBUTING.md name what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.markdown import blocks, code_in, section, tables

ARCHITECTURE = ROOT / "ARCHITECTURE.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PROVIDER = ROOT / "plugins" / "kombo_provider"


def drawn() -> set[Path]:
    """Return the paths that the tree shows, each below the folders it is indented under."""
    (tree,) = blocks(section(ARCHITECTURE, "## The tree"))
    parents: list[str] = []
    found = set()
    for line in tree.text.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        parents[depth:] = [name]
        found.add(ROOT / "".join(parents))
    return found


def packages_and_modules(folder: Path) -> set[Path]:
    modules = {path for path in folder.glob("*.py") if path.name != "__init__.py"}
    return modules | {path for path in folder.iterdir() if path.is_dir() and any(path.glob("*.py"))}


def test_the_tree_is_the_tree() -> None:
    shown = drawn()
    assert [path for path in shown if not path.exists()] == []
    assert packages_and_modules(PROVIDER) <= shown
    tests = {path for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert tests <= shown


@pytest.mark.parametrize("document", [ARCHITECTURE, CONTRIBUTING], ids=lambda path: path.stem)
def test_each_file_that_is_named_exists(document: Path) -> None:
    named = {name for name in re.findall(r"`([\w./-]+/[\w.-]*)`", document.read_text()) if "*" not in name}
    places = (ROOT, PROVIDER, PROVIDER.parent)
    assert len(named) > 10
    assert [name for name in sorted(named) if not any((place / name).exists() for place in places)] == []


def test_each_promise_says_where_it_is_kept_and_where_tested() -> None:
    (rows,) = tables(section(ARCHITECTURE, "## Promises"))
    assert len(rows) == 11
    for row in rows:
        assert code_in(row["kept in"]), row["promise"]
        assert all(name.startswith("tests/") for name in code_in(row["tested in"])), row["promise"]
        assert code_in(row["tested in"]), row["promise"]


def test_each_unit_test_bears_the_name_of_the_module_it_tests() -> None:
    """`test_<module>.py`, or `test_<module>_<aspect>.py`, in the folder of the module's room; `_module` counts too."""
    strangers = []
    for file in (ROOT / "tests" / "unit").glob("*/test_*.py"):
        words = file.stem.removeprefix("test_").split("_")
        names = ["_".join(words[:length]) for length in range(1, len(words) + 1)]
        room = PROVIDER / file.parent.name
        if not any((room / f"{prefix}{name}.py").exists() for name in names for prefix in ("", "_")):
            strangers.append(f"{file.parent.name}/{file.name}")
    assert strangers == []
