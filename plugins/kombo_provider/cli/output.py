"""Lists on a terminal, as JSON or as CSV, with nothing in a cell that a terminal or a spreadsheet would act on."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

FORMATS = ("table", "json", "csv")
_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")


def rendered(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], output: str) -> str:
    """Return the rows in one of FORMATS."""
    if output == "json":
        return json.dumps([dict(row) for row in rows], indent=2, default=str)
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    if output == "csv":
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows([columns, *([_tame(cell) for cell in row] for row in cells)])
        return written.getvalue().rstrip("\n")
    widths = [max(len(line[index]) for line in [list(columns), *cells]) for index in range(len(columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    head = "  ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip()
    return "\n".join([head, *lines])


def printable(value: str) -> str:
    """Return a text without characters that a terminal would act on."""
    return "".join("�" if _is_acted_on(char) else char for char in value)


def json_lines(value: Any) -> str:
    """Return JSON as a person reads it, with what a terminal would act on escaped."""
    written = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(f"\\u{ord(char):04x}" if char != "\n" and _is_acted_on(char) else char for char in written)


def _is_acted_on(char: str) -> bool:
    """Tell whether a terminal would do something for a character, or could not show it: half of a pair."""
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else printable(str(value))


def _tame(cell: str) -> str:
    """Put a quote before what a spreadsheet would take for a formula."""
    return f"'{cell}" if cell.startswith(_RUN_BY_SPREADSHEETS) else cell
