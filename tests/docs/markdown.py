"""Reads tables, code blocks and links out of the project's documents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
_CODE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The path that the block's first line names in a comment."""
        found = re.match(r"(?:#|--) (\S+/\S+\.\w+)\n", self.text)
        return found.group(1) if found else None


def section(document: Path, heading: str) -> str:
    """Return the text below a heading, down to the next one of its level or above."""
    text = document.read_text()
    level = heading.split(" ")[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"{document.name} has no heading {heading!r}"
    bare = _CODE.sub(lambda block: "\n" * block.group().count("\n"), rest)  # a comment in code is no heading
    end = re.search(rf"^#{{1,{len(level)}}} ", bare, re.MULTILINE)
    if end is None:
        return rest
    return "\n".join(rest.split("\n")[: bare[: end.start()].count("\n")])


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a text."""
    return [Block(*found) for found in _CODE.findall(text)]


def tables(text: str) -> list[list[dict[str, str]]]:
    """Return the tables of a text, each row by its headers."""
    found: list[list[dict[str, str]]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if re.fullmatch(r"\|( --- \|)+", line):
            heads = _cells(lines[number - 1])
            rows = []
            for row in lines[number + 1 :]:
                if not row.startswith("|"):
                    break
                cells = _cells(row)
                assert len(cells) == len(heads), f"a row has {len(cells)} cells, the table {len(heads)}: {row}"
                rows.append(dict(zip(heads, cells, strict=True)))
            found.append(rows)
    return found


def table(document: Path, heading: str, head: str) -> list[dict[str, str]]:
    """Return the first table below a heading that has a column `head`."""
    return next(rows for rows in tables(section(document, heading)) if head in rows[0])


def code_in(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", _CODE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def _cells(line: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in _CELL.split(line)[1:-1]]
