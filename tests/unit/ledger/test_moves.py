"""Statuses change in one place, along the table of moves, and never in silence."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

import kombo_provider.ledger
from kombo_provider.ledger import MOVES, Status
from kombo_provider.ledger._moves import move_where
from tests.unit.ledger.book import GRACE, VALID, Book

LEDGER = Path(kombo_provider.ledger.__file__).parent
PROVIDER = LEDGER.parent
IMPOSSIBLE = [(a, b) for a, b in product(Status, Status) if a is not b and b not in MOVES[a]]


def _writes_status(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        is_values = isinstance(node.func, ast.Attribute) and node.func.attr == "values"
        return is_values and any(keyword.arg == "status" for keyword in node.keywords)
    if isinstance(node, ast.Dict):
        return any(isinstance(key, ast.Constant) and key.value == "status" for key in node.keys)
    return isinstance(node, ast.Constant) and "set status" in str(node.value).lower()


@pytest.mark.parametrize("module", sorted(LEDGER.rglob("*.py")), ids=lambda path: path.stem)
def test_no_other_module_of_the_ledger_writes_a_status(module: Path) -> None:
    writing = [node for node in ast.walk(ast.parse(module.read_text())) if _writes_status(node)]
    assert bool(writing) == (module.stem == "_moves")


def test_no_other_room_names_the_ledger_s_tables() -> None:
    others = [path for path in PROVIDER.rglob("*.py") if LEDGER not in path.parents]
    assert [path.name for path in others if "ledger._" in path.read_text()] == []


@pytest.mark.parametrize(("before", "after"), IMPOSSIBLE, ids=str)
def test_a_move_that_is_not_in_the_table_is_refused(book: Book, before: Status, after: Status) -> None:
    book.stage(VALID)
    with book.ledger.transaction() as conn, pytest.raises(ValueError, match="never moves from"):
        move_where(conn, before, after, [], {}, GRACE, datetime.now(UTC))
    assert book.row()["status"] == "ready"
