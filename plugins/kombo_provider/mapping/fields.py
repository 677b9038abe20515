"""Reads the models: which fields an object has, of which kind, under which names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from kombo_provider.mapping.kinds import Kind
from kombo_provider.mapping.models import Model

Path = tuple[str, ...]


def alias_of(path: Path) -> str:
    """Return a path as a column of the SELECT spells it."""
    return "__".join(path)


def fields_of(model: type[Model]) -> dict[str, FieldInfo]:
    """Return the fields of an object by their key in the body."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def kind_of(field: FieldInfo) -> Kind | None:
    """Return the kind of a single value, None for an object or a list."""
    marks = [*field.metadata, *(mark for part in get_args(field.annotation) for mark in get_args(part))]
    return next((mark for mark in marks if isinstance(mark, Kind)), None)


def model_of(field: FieldInfo) -> type[Model] | None:
    """Return the model of an object, or of the items of a list."""
    return _model_in(field.annotation)


def _model_in(annotation: Any) -> type[Model] | None:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def is_list(field: FieldInfo) -> bool:
    """Say whether the field is a list."""
    return any(get_origin(part) is list for part in (field.annotation, *get_args(field.annotation)))


def paths_of(model: type[Model]) -> Iterator[Path]:
    """Yield every path that a column may name: each field, and the fields of objects at any depth."""
    return (path for path, _ in walk(model))


def walk(model: type[Model], parent: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Yield every path that a column may name, with its field."""
    for key, field in fields_of(model).items():
        yield (*parent, key), field
        inner = model_of(field)
        if inner is not None and not is_list(field):
            yield from walk(inner, (*parent, key))


def holds(field: FieldInfo, kind: Kind) -> bool:
    """Say whether a field is of a kind, or has one of that kind at any depth."""
    inner = model_of(field)
    return kind_of(field) is kind or (
        inner is not None and any(holds(below, kind) for below in fields_of(inner).values())
    )
