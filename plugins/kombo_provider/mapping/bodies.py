"""Request bodies, built column by column: an object's column is made of its fields' columns.

Each node turns a chunk into one piece of JSON text per row, `"key":value`, None where the row has nothing there.
That no row costs a dictionary or a model of its own is what makes staging fast; the models decide what the pieces
must be.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any, TypeAlias

from kombo_provider.mapping.chunks import REFUSED, Chunk
from kombo_provider.mapping.values import Cleaner, JsonText

Note: TypeAlias = "Callable[[Chunk, str, list[Any]], None]"
"""Takes a chunk, an alias and its cleaned values, and warns of the odd ones."""

Settle: TypeAlias = "Callable[[Chunk, str, list[Any]], list[Any]]"
"""Takes a chunk, an alias and its cleaned values, and returns what the rows' jobs make of them."""

Pieces: TypeAlias = "list[str | None]"
Node: TypeAlias = "ColumnNode | ObjectNode"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode


def json_text(value: Any) -> str:
    """Return compact JSON text with sorted keys, so that equal values give equal text."""
    if type(value) is str:
        return encode_basestring(value)
    if type(value) is JsonText:
        return value
    if type(value) is int or type(value) is float:
        return repr(value)
    return "null" if value is REFUSED else _encode(value)


@dataclass(frozen=True)
class ColumnNode:
    """A field that is a column of the SELECT."""

    key: str
    alias: str
    clean: Cleaner
    note: Note | None = None
    settle: Settle | None = None

    def pieces(self, chunk: Chunk) -> Pieces:
        """Return key and value of each cell; a refused one is null, so that it does not also count as missing."""
        head, quoted = f"{encode_basestring(self.key)}:", encode_basestring
        values = chunk.cleaned(self.alias, self.clean)
        if self.settle is not None:
            values = self.settle(chunk, self.alias, values)
        if self.note is not None:
            self.note(chunk, self.alias, values)
        return [
            None if value is None else head + (quoted(value) if type(value) is str else json_text(value))
            for value in values
        ]


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
        head, pieces = f"{encode_basestring(self.key)}:", list[str | None]()
        for row, parts in enumerate(zip(*(node.pieces(chunk) for node in self.fields), strict=True)):
            inside = ",".join(filter(None, parts))
            if None in parts and (inside or self.always):
                self._check_required(chunk, row, parts)
            pieces.append(f"{head}{{{inside}}}" if inside or self.always else None)
        return pieces

    def _check_required(self, chunk: Chunk, row: int, parts: tuple[str | None, ...]) -> None:
        problem = "is required" if self.always else f"is required, or all of {self.alias} must be NULL"
        for node, part in zip(self.fields, parts, strict=True):
            if part is None and node.key in self.required:
                chunk.require(row, node.alias, problem)


def bodies(root: ObjectNode, chunk: Chunk) -> list[str]:
    """Return the body of each row as JSON text; where the chunk has problems with the row, it is no use."""
    head = len('"":')  # the root has no key of its own
    return [piece[head:] if piece else "{}" for piece in root.pieces(chunk)]
