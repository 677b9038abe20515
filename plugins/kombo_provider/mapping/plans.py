"""How the columns of a SELECT become a body: a tree of nodes, made from the models."""

from __future__ import annotations

from collections.abc import Collection

from pydantic.fields import FieldInfo

from kombo_provider.errors import SourceError
from kombo_provider.mapping.bodies import ColumnNode, Node, Note, ObjectNode, Settle
from kombo_provider.mapping.fields import Path, alias_of, fields_of, holds, is_list, kind_of, model_of
from kombo_provider.mapping.kinds import PHONE
from kombo_provider.mapping.models import Model
from kombo_provider.mapping.persons import note_candidates, note_emails
from kombo_provider.mapping.phones import note_odd_phones
from kombo_provider.mapping.screening import ANSWERS, settle_answers
from kombo_provider.mapping.structures import Structure


def plan_body(model: type[Model], columns: Collection[Path]) -> ObjectNode:
    """Return the tree that builds a body of these columns.

    Raises SourceError if a column is missing without which no row could be valid.
    """
    missing: list[str] = []
    body = _plan_object(model, (), columns, missing, always=True)
    if missing:
        raise SourceError(
            f"the SELECT lacks {', '.join(missing)}: Kombo requires it (NULL is allowed for a row, "
            "which is then invalid and stays here)"
        )
    return body


def _plan_object(
    model: type[Model], path: Path, columns: Collection[Path], missing: list[str], *, always: bool
) -> ObjectNode:
    fields = sorted(fields_of(model).items())
    required = frozenset(key for key, field in fields if field.is_required())
    nodes = {key: _plan_field(field, (*path, key), columns, missing, always=always) for key, field in fields}
    present = tuple(node for node in nodes.values() if node)
    if present or always:
        missing += [alias_of((*path, key)) for key in sorted(required) if nodes[key] is None]
    return ObjectNode(path[-1] if path else "", alias_of(path), present, required, always)


def _plan_field(
    field: FieldInfo, path: Path, columns: Collection[Path], missing: list[str], *, always: bool
) -> Node | None:
    if path in columns:
        return _plan_column(field, path)
    inner = model_of(field)
    if inner is None or is_list(field) or kind_of(field):
        return None
    required = always and field.is_required()
    node = _plan_object(inner, path, columns, missing, always=required)
    return node if node.fields or required else None


def _plan_column(field: FieldInfo, path: Path) -> ColumnNode:
    key, alias = path[-1], alias_of(path)
    note, settle = _note(field, path), _settle(path)
    kind = kind_of(field)
    if kind is None:  # a whole object or list in one cell
        return ColumnNode(key, alias, Structure(field).clean, note, settle)
    return ColumnNode(key, alias, kind.clean, note, settle, kind.glance)


def _note(field: FieldInfo, path: Path) -> Note | None:
    if path == ("candidate", "email_address"):
        return note_emails
    if path == ("candidate",):
        return note_candidates
    if holds(field, PHONE):
        return note_odd_phones
    return None


def _settle(path: Path) -> Settle | None:
    if path == (ANSWERS,):
        return settle_answers
    return None
