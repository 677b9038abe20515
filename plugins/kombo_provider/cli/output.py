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
# Excel and LibreOffice take a cell that begins so for a formula, and a formula can fetch a page.
_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")


def rendered(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], output: str) -> str:
    """Return the rows in one of FORMATS."""
    if output == "json":
        return json.dumps([dict(row) for row in rows], indent=2, default=str)
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    if output == "csv":
        return _csv(columns, cells)
    return _table([list(columns), *cells])


def _csv(columns: Sequence[str], cells: list[list[str]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    for row in cells:
        writer.writerow(map(_tame, row))
    return written.getvalue().rstrip("\n")


def _table(lines: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    written = []
    for line in lines:
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        written.append("  ".join(padded).rstrip())
    return "\n".join(written)


def printable(value: str) -> str:
    """Return a text without characters that a terminal would act on."""
    return "".join("�" if _is_acted_on(char) else char for char in value)


def json_lines(value: Any) -> str:
    """Return JSON as a person reads it, with what a terminal would act on escaped."""
    # Names in any alphabet stay readable; JSON itself escapes only a part of what a terminal acts on.
    written = []
    for char in json.dumps(value, indent=2, ensure_ascii=False):
        if char != "\n" and _is_acted_on(char):
            char = f"\\u{ord(char):04x}"
        written.append(char)
    return "".join(written)


def _is_acted_on(char: str) -> bool:
    """Tell whether a terminal would do something for a character, or could not show it: half of a pair."""
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return printable(str(value))


def _tame(cell: str) -> str:
    """Put a quote before what a spreadsheet would take for a formula."""
    if cell.startswith(_RUN_BY_SPREADSHEETS):
        return f"'{cell}"
    return cell
