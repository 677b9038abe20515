"""What a pipeline says about its mapping holds wherever its rows are mapped."""

import ast
from pathlib import Path

import kombo_provider


def test_a_row_mapper_is_made_in_one_place_so_that_a_new_option_reaches_all_commands() -> None:
    package = Path(kombo_provider.__file__).parent
    makers = [
        path.relative_to(package).as_posix()
        for path in sorted(package.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "RowMapper"
    ]
    assert makers == ["staging/mapping_options.py"]
