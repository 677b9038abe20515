"""Request bodies, built column by column: an object's column is made of its fields' columns.

Each node turns a chunk into one piece of JSON text per row, `,"key":value`, empty where the row has nothing there.
That no row costs a dictionary or a model of its own is what makes staging fast; the models decide what the pieces
must be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any, TypeAlias

from kombo_provider.mapping.chunks import Chunk
from kombo_provider.mapping.pieces import pieces_of
from kombo_provider.mapping.values import Cleaner, Glance

Note: TypeAlias = "Callable[[Chunk, str, list[Any]], None]"
"""Takes a chunk, an alias and its cleaned values, and warns of the odd ones."""

Settle: TypeAlias = "Callable[[Chunk, str, list[Any]], list[Any]]"
"""Takes a chunk, an alias and its cleaned values, and returns what the rows' jobs make of them."""

Pieces: TypeAlias = "list[str]"
Node: TypeAlias = "ColumnNode | ObjectNode"


@dataclass(frozen=True)
class ColumnNode:
    """A field that is a column of the SELECT."""

    key: str
    alias: str
    clean: Cleaner
    note: Note | None = None
    settle: Settle | None = None
    glance: Glance | None = None

    def pieces(self, chunk: Chunk) -> Pieces:
        """Return key and value of each cell; a refused one is null, so that it does not also count as missing."""
        values = chunk.cleaned(self.alias, self.clean, glance=self.glance)
        if self.settle is not None:
            values = self.settle(chunk, self.alias, values)
        if self.note is not None:
            self.note(chunk, self.alias, values)
        return pieces_of(self.key, values)


@dataclass(frozen=True)
class ObjectNode:
    """An object whose fields are several columns; `always`: Kombo requires the object itself."""

    key: str
    alias: str
    fields: tuple[Node, ...]
    required: frozenset[str]
    always: bool

    def pieces(self, chunk: Chunk) -> Pieces:
        """Return key and object of each row; an object without any key is absent, unless it is required."""
        head = f",{encode_basestring(self.key)}:"
        if self.always:
            return [head + "{" + inside[1:] + "}" for inside in self.insides(chunk)]
        return [head + "{" + inside[1:] + "}" if inside else "" for inside in self.insides(chunk)]

    def insides(self, chunk: Chunk) -> Pieces:
        """Return the pieces of each row's fields one after the other, so with a comma in front."""
        columns = [node.pieces(chunk) for node in self.fields]
        insides = list(map("".join, zip(*columns, strict=True))) or [""] * chunk.rows
        for node, column in zip(self.fields, columns, strict=True):
            if node.key in self.required and "" in column:
                self._check_required(chunk, node, column, insides)
        return insides

    def _check_required(self, chunk: Chunk, node: Node, column: Pieces, insides: list[str]) -> None:
        problem = "is required" if self.always else f"is required, or all of {self.alias} must be NULL"
        for row, (piece, inside) in enumerate(zip(column, insides, strict=True)):
            if not piece and (inside or self.always):
                chunk.require(row, node.alias, problem)


def bodies(root: ObjectNode, chunk: Chunk) -> list[str]:
    """Return the body of each row as JSON text; where the chunk has problems with the row, it is no use."""
    return ["{" + inside[1:] + "}" for inside in root.insides(chunk)]
