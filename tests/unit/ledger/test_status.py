"""Each status has its groups, and each group its one name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from kombo_provider.ledger import status as words
from kombo_provider.ledger.status import ENDED_UNDELIVERED, MOVES, UNFINISHED, Status

PACKAGE = Path(words.__file__).parents[1]
HOME = Path(words.__file__)
OF_SQL = re.compile(r"status (?:NOT )?IN \('", re.IGNORECASE)


def test_a_status_is_unfinished_delivered_or_never_left() -> None:
    """Whoever adds one says in `status.py` which; the other sets are for him to go through there."""
    assert sorted((*UNFINISHED, Status.DELIVERED, *ENDED_UNDELIVERED)) == sorted(Status)
    assert set(MOVES) == set(Status)


def test_a_set_of_statuses_is_listed_beside_the_enumeration_and_nowhere_else() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != HOME
        for line in _lists(path.read_text())
    }
    assert not found, "name this set in ledger/status.py"


def test_such_a_list_is_found_however_it_is_written() -> None:
    assert list(_lists("x in (Status.READY, Status.SENDING)")) == [1]
    assert list(_lists("x in ['ready', *REFUSED]")) == [1]
    assert list(_lists("\nx = {Status.READY, Status.SENDING}")) == [2]
    assert list(_lists("text = \"WHERE status in ('invalid', 'rejected')\"")) == [1]
    assert list(_lists("x is Status.INVALID or x is Status.REJECTED")) == [1]
    assert list(_lists("x in (Status.READY, 'held'); y = (*REFUSED, 'held'); z = (Status.READY,)")) == []
    assert list(_lists("x = Status.INVALID, 'invalid'  # a status and a counter")) == []


def _lists(code: str) -> Iterator[int]:
    """Yield the lines that list several statuses and nothing else, or ask for one after the other."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.expr) and _is_list(node):
            yield node.lineno


def _is_list(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        named = [one for one in node.elts if _is_status(one)]
        spread = [one for one in node.elts if isinstance(one, ast.Starred)]
        of_one_kind = len({type(one) for one in named}) == 1
        return of_one_kind and len(node.elts) > 1 and len(named) + len(spread) == len(node.elts)
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return sum(isinstance(one, ast.Compare) and _is_status(one.comparators[0]) for one in node.values) > 1
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and OF_SQL.search(node.value) is not None


def _is_status(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in tuple(Status)
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Status"
